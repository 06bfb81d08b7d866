import Foundation
import Testing

/// The alerts that are shipped say who they are for, and lead to what is to be done.
@Suite struct AlertTests {
    @Test func `every alert has a severity, says what is wrong, and leads to its heading`() throws {
        let text = try Page.text("deploy/prometheus/alerts.yml")
        let page = try Page(path: "docs/metrics.md")
        let alerts = text.components(separatedBy: "- alert: ").dropFirst()
        #expect(alerts.count > 20, "the alerts are not read any more")
        for alert in alerts {
            let name = String(alert.prefix { $0 != "\n" })
            #expect(alert.contains(#/\n +severity: (?:warning|critical)\n/#), "\(name)")
            for key in ["summary", "description"] {
                #expect(alert.contains("\n          \(key): \""), "\(name) has no \(key)")
            }
            let runbook = "\n          runbook: docs/metrics.md#\(name.lowercased())\n"
            #expect(alert.contains(runbook), "\(name)")
            #expect(page.anchors.contains(name.lowercased()), "\(name) is not on the page")
            #expect(page.text.contains("### \(name)\n"))
        }
        let told = page.text.matches(of: #/\n### (Muster\w+)\n/#).map { String($0.1) }
        #expect(told.count == alerts.count)
    }

    @Test func `the dashboard is whole`() throws {
        let data = Data(try Page.text("deploy/grafana/muster.json").utf8)
        let board = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let panels = try #require(board["panels"] as? [[String: Any]])
        let numbers = panels.compactMap { $0["id"] as? Int }
        #expect(numbers.count == panels.count && Set(numbers).count == panels.count)
        for panel in panels where panel["type"] as? String != "row" {
            let targets = panel["targets"] as? [[String: Any]] ?? []
            #expect(!targets.isEmpty, "\(panel["title"] ?? "")")
            for target in targets { #expect((target["expr"] as? String)?.isEmpty == false) }
        }
    }
}
