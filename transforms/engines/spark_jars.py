"""The Delta JARs that the pyspark wheel lacks: resolved once, by Spark itself, into a folder of ours.

    python -m transforms.engines.spark_jars        # needs Java and, the first time, the network (about 30 s)

After that a session gets the files found here and needs no network (STACK: only the io.delta and io.unitycatalog files
are missing from the wheel). Folder: TENURE_SPARK_JARS, default beside the
installed packages, because the JARs belong to them and not to somebody's data.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from warehouse_models.errors import TenureError

PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"
_WANTED = ("io.delta_*.jar", "io.unitycatalog_*.jar")


def jars_folder() -> Path:
    """Where the JARs are kept."""
    return Path(os.environ.get("TENURE_SPARK_JARS") or Path(sys.prefix) / "tenure" / "spark").absolute()


def jar_files() -> list[Path]:
    """The resolved JARs; TenureError where Java or they are missing."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise TenureError(
            "Spark", "Java is not installed", "install Java 17, e.g. apt-get install openjdk-17-jre-headless"
        )
    jars = sorted(path for pattern in _WANTED for path in (jars_folder() / "jars").glob(pattern))
    if not jars:
        why = f"its Delta JARs are not in {jars_folder()}"
        command = f"{sys.executable} -m transforms.engines.spark_jars"
        raise TenureError("Spark", why, f"run: {command} (needs Maven Central once)")
    return jars


def resolve() -> list[Path]:
    """Download the JARs with a throw-away Spark session if they are not there yet."""
    try:
        return jar_files()
    except TenureError as error:
        if "Java" in error.why:
            raise
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.jars.packages", PACKAGE)
        .config("spark.jars.ivy", str(jars_folder()))
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    session.stop()
    return jar_files()


if __name__ == "__main__":
    started = time.perf_counter()
    try:
        files = resolve()
    except TenureError as problem:
        sys.exit(f"{problem.what}: {problem.why}\n  next: {problem.next_step}")
    print(f"{len(files)} Delta JARs in {jars_folder()} ({time.perf_counter() - started:.0f} s)")
