// An app shows screens; a page inside a web view
// is sent by the JavaScript SDK.
analytics.screen("Pricing", category = "Docs")
