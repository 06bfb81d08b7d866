import Meters
import Testing

@Suite struct NegotiationTests {
    @Test(arguments: [
        // Prometheus 2.42, and 3.
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text",
        "APPLICATION/OPENMETRICS-TEXT ; Version=1.0.0",
        "text/plain;q=0.5, application/openmetrics-text;q=0.5",
        "text/plain;q=0.499,application/openmetrics-text;q=0.5",
    ])
    func `who asks for OpenMetrics gets it`(accept: String) {
        #expect(ExpositionFormat(accepting: accept) == .openMetrics)
    }

    @Test(arguments: [
        nil, "", "*/*", "text/plain", "text/html", ";;;,,,=", "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.000", "application/openmetrics-text;q=x",
        "application/openmetrics-text;q=2", "application/openmetrics-text;version=2.0.0",
        "application/openmetrics-text;q=0.4,text/plain;q=0.5", "application/*",
        String(repeating: "text/html,", count: 32) + "application/openmetrics-text",
    ])
    func `everybody else gets what everything can read`(accept: String?) {
        #expect(ExpositionFormat(accepting: accept) == .text)
    }

    @Test func `each format says what it is`() {
        #expect(ExpositionFormat.text.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            ExpositionFormat.openMetrics.contentType
                == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        )
    }
}
