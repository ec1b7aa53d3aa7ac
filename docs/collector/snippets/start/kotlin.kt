// build.gradle.kts:
//   implementation("com.segment.analytics.kotlin:android:1.+")
import com.segment.analytics.kotlin.android.Analytics
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put

val analytics = Analytics("YOUR_WRITE_KEY", applicationContext) {
    apiHost = "collector.example.com/v1"
    cdnHost = "collector.example.com/v1"
}

analytics.track("Report Created", buildJsonObject {
    put("rows", 12)
})
