import API
import Foundation
import Glibc
import Host
import Model
import Testing

/// What Prometheus, from Debian's package, sees of a real controller and a real agent.
@Suite struct ScrapeTests {
    private static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    private static let rules = project + "/deploy/prometheus/alerts.yml"

    private func page(_ folder: TestFolder, _ url: String, accept: String) async throws -> String {
        let told = try await folder.run(
            "/usr/bin/curl",
            ["-sSf", "--max-time", "10", "-H", "Accept: \(accept)", url]
        )
        try #require(told.status == 0, "\(url): \(told.everything)")
        return told.output
    }

    /// Names of the families of a page.
    private func families(_ page: String) -> Set<String> {
        Set(page.matches(of: #/# TYPE (\w+) /#).map { String($0.1) })
    }

    @Test
    func
        `Prometheus scrapes controller and agent, and finds all that alerts and dashboard ask for`()
        async throws
    {
        let observed = Ports.free()
        let settings = "observe: {listen: [\"127.0.0.1:\(observed)\"]}"
        try await TestCluster.with(settings: settings) { cluster in
            let folder = cluster.folder
            let port = Ports.free()
            _ = try await cluster.addAgent(
                "n-1",
                services: ["web": Agent.service(folder)],
                further: "[observe]\nlisten = 127.0.0.1:\(port)\n"
            )
            let targets = [
                ("muster-controller", "127.0.0.1:\(observed)"),
                ("muster-agent", "127.0.0.1:\(port)"),
            ]
            var known: Set<String> = ["up"]
            for (job, address) in targets {
                let text = try await page(folder, "http://\(address)/metrics", accept: "*/*")
                try folder.write("\(job).txt", text)
                let checked = try await folder.run(
                    "/usr/bin/promtool",
                    ["check", "metrics"],
                    input: folder["\(job).txt"]
                )
                #expect(checked.status == 0 && checked.everything == "", "\(checked.everything)")
                known.formUnion(families(text))
                let open = try await page(
                    folder,
                    "http://\(address)/metrics",
                    accept: "application/openmetrics-text; version=1.0.0"
                )
                #expect(open.hasSuffix("\n# EOF\n"))
                #expect(families(open).count == families(text).count)
            }
            for name in try asked() {
                let base = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }
                let isThere =
                    known.contains(name)
                    || base.map { known.contains(String(name.dropLast($0.count))) } ?? false
                #expect(isThere, "\(name) is asked for, and nobody has it")
            }
            try await scrape(targets, in: folder)
        }
    }

    /// Every name of a metric in the alerts and the dashboard.
    private func asked() throws -> Set<String> {
        let rules = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let expressions = rules.matches(of: #/\n +expr: (.*)/#).map { String($0.1) }
        let dashboard = try String(
            contentsOfFile: Self.project + "/deploy/grafana/muster.json",
            encoding: .utf8
        )
        let queries = dashboard.matches(of: #/"expr": "((?:[^"\\]|\\.)*)"/#).map { String($0.1) }
        #expect(expressions.count > 20 && queries.count > 60, "they are not read any more")
        var names: Set<String> = []
        for text in expressions + queries {
            // What stands in quotes is no name.
            let bare = text.replacing(#/\\?"[^"\\]*\\?"/#, with: "")
            names.formUnion(
                bare.matches(of: #/\b(?:muster|process)_\w+|\bup\b/#).map { String($0.0) }
            )
        }
        return names
    }

    private func scrape(_ targets: [(String, String)], in folder: TestFolder) async throws {
        let port = Ports.free()
        let jobs = targets.map { job, address in
            "  - {job_name: \(job), static_configs: [{targets: [\"\(address)\"]}]}"
        }
        try folder.write(
            "prometheus.yml",
            """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            rule_files: [\(Self.rules)]
            scrape_configs:
            \(jobs.joined(separator: "\n"))

            """
        )
        let prometheus = try Program(
            "/usr/bin/prometheus",
            [
                "--config.file=\(folder["prometheus.yml"])",
                "--storage.tsdb.path=\(folder["prometheus"])",
                "--web.listen-address=127.0.0.1:\(port)",
            ],
            in: folder,
            log: "prometheus"
        )
        func ask(_ path: String) async throws -> String {
            try await folder.run(
                "/usr/bin/curl",
                ["-s", "--max-time", "5", "http://127.0.0.1:\(port)\(path)"]
            ).output
        }
        func query(_ text: String) async throws -> String {
            let word = text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            return try await ask("/api/v1/query?query=\(word)")
        }
        let areUp = try await eventually {
            try await query("count(up == 1)").contains(",\"2\"]")
        }
        let told = try await ask("/api/v1/targets")
        #expect(areUp, "\(told)")
        let online = try await eventually {
            try await query("muster_nodes{site=\"north\",state=\"online\"}").contains(",\"1\"]")
        }
        #expect(online)
        #expect(try await query("muster_agent_traffic_up").contains(",\"1\"]"))
        #expect(try await query("muster_heartbeat_lag_seconds_bucket{le=\"+Inf\"}").contains("le"))
        // Every rule is evaluated without an error, and nothing is wrong with this cluster.
        let rules = try await awaited("all rules are evaluated") { () -> String? in
            let told = try await ask("/api/v1/rules")
            return told.contains("\"health\":\"unknown\"") || told.isEmpty ? nil : told
        }
        #expect(!rules.contains("\"health\":\"err\""), "\(rules)")
        try await prometheus.destroy()
    }

    @Test func `alerts fire when they should, and only then`() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let tested = try await folder.run(
            "/usr/bin/promtool",
            ["test", "rules", Self.project + "/deploy/prometheus/alerts_test.yml"]
        )
        #expect(tested.status == 0, "\(tested.everything)")
        let checked = try await folder.run(
            "/usr/bin/promtool",
            ["check", "config", Self.project + "/deploy/prometheus/prometheus.yml"]
        )
        #expect(checked.status == 0, "\(checked.everything)")
        // Each of them is tested.
        let rules = try String(contentsOfFile: Self.rules, encoding: .utf8)
        let tests = try String(
            contentsOfFile: Self.project + "/deploy/prometheus/alerts_test.yml",
            encoding: .utf8
        )
        let names = rules.matches(of: #/- alert: (\w+)/#).map { String($0.1) }
        #expect(names.count > 20)
        for name in names { #expect(tests.contains("alertname: \(name)\n"), "\(name)") }
    }

    @Test func `the plain address answers health and metrics, and nothing else`() async throws {
        let observed = Ports.free()
        let settings = "observe: {listen: [\"127.0.0.1:\(observed)\"]}"
        try await TestCluster.with(settings: settings) { cluster in
            func status(_ method: String, _ path: String) async throws -> String {
                try await cluster.folder.run(
                    "/usr/bin/curl",
                    [
                        "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "-X",
                        method, "http://127.0.0.1:\(observed)\(path)",
                    ]
                ).output
            }
            for path in ["/health/live", "/health/ready", "/health/active-site", "/metrics"] {
                #expect(try await status("GET", path) == "200", "\(path)")
            }
            #expect(try await status("GET", "/health/active-site?site=north") == "200")
            #expect(try await status("GET", "/health/active-site?site=south") == "404")
            for route in Route.allCases where route.path.hasPrefix(Route.prefix) {
                let told = try await status(route.method.rawValue, route.path)
                #expect(told == "404", "\(route.path)")
            }
            #expect(try await status("POST", "/metrics") != "200")
            // The console's address gives the metrics to a viewer, and to no stranger.
            let seen = try await cluster.admin.ask(.getMetrics)
            #expect(seen.status == 200 && seen.text.contains("\nmuster_epoch 1\n"))
            #expect(try await cluster.stranger.ask(.getMetrics).status == 401)
            #expect(try await cluster.stranger.ask(.getActiveSite).status == 401)
            #expect(try await cluster.stranger.ask(.getReady).status == 200)
        }
    }
}
