import API

/// `muster status --check`: one line for monitors, with their exit statuses.
enum StatusCheck {
    /// 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as monitoring plugins exit.
    enum State: Int32 {
        case ok = 0
        case warning = 1
        case critical = 2
        case unknown = 3

        var word: String {
            switch self {
            case .ok: "OK"
            case .warning: "WARNING"
            case .critical: "CRITICAL"
            case .unknown: "UNKNOWN"
            }
        }
    }

    static func state(_ status: ClusterStatus) -> State {
        switch status.verdict {
        case .healthy: .ok
        case .degraded:
            status.problems.contains { $0.severity == .critical } ? .critical : .warning
        case .down: .critical
        default: .unknown
        }
    }

    /// `MUSTER WARNING: prod: node b-2: Offline: no heartbeat for 41s; 5 of 6 nodes Online | …`
    static func line(_ status: ClusterStatus, hasFigures: Bool = true) -> String {
        let online = status.sites.reduce(0) { $0 + $1.online }
        let total = status.sites.reduce(0) { $0 + $1.total }
        var parts: [String] = []
        if let first = status.problems.first(where: { $0.severity != .info }) {
            let more = status.problems.count { $0.severity != .info } - 1
            parts.append("\(first.subject): \(first.text)\(more > 0 ? " (+\(more) more)" : "")")
        }
        let isFencing = status.sites.contains { $0.fencing == true }
        let active = isFencing ? "NO SITE active" : "site \(status.activeSite) active"
        parts.append("\(online) of \(total) nodes Online, \(active)")
        let name = plain(status.cluster.name)
        let text = plain(parts.joined(separator: "; "))
        let line = "MUSTER \(state(status).word): \(name): \(text)"
        guard hasFigures else { return line }
        let figures = status.sites.map { site in
            "\(site.name)_online=\(site.online);\(site.minimum):;1:;0;\(site.total)"
        }
        let tasks = (status.work?.states ?? []).map { "tasks_\($0.state)=\($0.count)" }
        return ([line + " |"] + figures + tasks + ["problems=\(status.problems.count)"])
            .joined(separator: " ")
    }

    static func unknown(_ error: ConsoleError) -> String {
        let first = error.message.split(separator: "\n").joined(separator: "; ")
        return "MUSTER UNKNOWN: \(plain(first))"
    }

    /// A pipe would begin the figures.
    private static func plain(_ text: String) -> String {
        String(text.map { $0 == "|" ? "/" : $0 })
    }
}
