"""The cluster engine: PySpark with delta-spark; local, standalone, Kubernetes or Connect by configuration alone.

Environment: TENURE_SPARK_MASTER (default local[2]) and TENURE_SPARK_CONF (`key=value` pairs split by commas) configure
the session. The Delta JARs are resolved once by `python -m transforms.engines.spark_jars` (the set-up calls it); a
session starts from those files without the network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from transforms.engines.engine import Result
from transforms.engines.spark_jars import jar_files
from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.lake.lake import Lake
from warehouse_models.lake.shard import Shard
from warehouse_models.lake.slices import predicate
from warehouse_models.spec import TableSpec
from warehouse_models.types import COLUMN_TYPES, of_arrow

_SETTINGS: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    # The default of 50 costs 20 s a write on a small machine.
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # Spark 4.2 plans a dynamic pruning inside a recursive CTE that it cannot run (INTERNAL_ERROR, unresolved Filter);
    # our views are pruned by literals already.
    "spark.sql.optimizer.dynamicPartitionPruning.enabled": "false",
    # A chain of aliases longer than the default of 100 is still a chain.
    "spark.sql.cteRecursionLevelLimit": "100000",
    "spark.sql.cteRecursionRowLimit": "-1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
}


def spark_session() -> Any:
    """The process's Spark session with Delta, created on first use; TenureError tells what is missing."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("tenure").master(os.environ.get("TENURE_SPARK_MASTER", "local[2]"))
    settings = dict(_SETTINGS)
    settings["spark.jars"] = ",".join(str(path) for path in jar_files())
    settings["spark.local.dir"] = str(home.scratch())
    settings["spark.sql.warehouse.dir"] = str(home.scratch() / "spark-warehouse")
    for pair in filter(None, os.environ.get("TENURE_SPARK_CONF", "").split(",")):
        key, _, value = pair.partition("=")
        settings[key.strip()] = value.strip()
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


class SparkEngine:
    """Spark reads and commits Delta itself; the commit's metadata is the same as the embedded engine's."""

    name = "spark"

    def __init__(self, lake: Lake) -> None:
        if lake.is_remote:
            why = "the lake is on object storage, and its JARs (hadoop-aws and the AWS SDK) are not among Spark's"
            raise TenureError("engine spark", why, "use --engine duckdb: it writes the same tables")
        self._lake = lake
        self._spark = spark_session()
        self._views: list[str] = []
        self._cached: list[Any] = []

    def expose(self, view: str, spec: TableSpec, uri: str, version: int | None, where: Sequence[str] | None) -> None:
        """See Engine.expose."""
        if version is None:
            fields = ", ".join(f"`{c.name}` {COLUMN_TYPES[c.type].spark}" for c in spec.columns)
            frame = self._spark.createDataFrame([], schema=fields)
        else:
            frame = self._spark.read.format("delta").option("versionAsOf", version).load(uri)
            frame = frame if where is None else frame.where(" OR ".join(where) or "1 = 0")
        frame.createOrReplaceTempView(view)
        self._views.append(view)

    def expose_rows(self, view: str, rows: pa.Table) -> None:
        """See Engine.expose_rows."""
        schema = ", ".join(f"`{field.name}` {of_arrow(field.type).spark}" for field in rows.schema)
        values = [tuple(row.values()) for row in rows.to_pylist()]
        self._spark.createDataFrame(values, schema=schema).createOrReplaceTempView(view)
        self._views.append(view)

    def stage(self, view: str, sql: str, materialize: tuple[str, ...] = ()) -> None:
        """See Engine.stage."""
        frame = self._spark.sql(sql).persist()
        frame.createOrReplaceTempView(view)
        self._views.append(view)
        self._cached.append(frame)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """See Engine.rows."""
        return [tuple(row) for row in self._spark.sql(sql).collect()]

    def commit(self, shard: Shard, spec: TableSpec, result: Result) -> tuple[int, int]:
        """See Engine.commit.

        Spark silently skips a write whose transaction version is not above the recorded one; the caller's version is
        one above the table's, so a skip means that another run committed: RuntimeError.
        """
        table = shard.create(spec)
        before = table.version()
        writer = (
            self._spark.sql(result.sql)
            .write.format("delta")
            .mode("overwrite")
            .partitionBy(*spec.partition_by)
            .option("userMetadata", json.dumps({"tenure": dict(result.trail)}, sort_keys=True))
            .option("txnAppId", result.transaction[0])
            .option("txnVersion", result.transaction[1])
        )
        if result.slices is None:
            writer = writer.option("overwriteSchema", "true")
        else:
            writer = writer.option("replaceWhere", predicate(result.slices, spec.slice_column, spec.month_column))
        writer.save(shard.table_uri(spec))
        table.update_incremental()
        if table.version() == before:
            raise RuntimeError(f"{spec.address}: Spark skipped the commit, transaction {result.transaction} is not new")
        metrics = table.history(1)[0].get("operationMetrics") or {}
        return table.version(), int(metrics.get("numOutputRows", 0))

    def reset(self) -> None:
        """See Engine.reset."""
        for view in self._views:
            self._spark.catalog.dropTempView(view)
        for frame in self._cached:
            frame.unpersist()
        self._views, self._cached = [], []

    def close(self) -> None:
        """The session stays for the process: starting one costs seconds, and tests share it."""
        self.reset()
