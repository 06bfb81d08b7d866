import Model
import YAMLFiles

// The section `events.export`: where events go besides the store.

struct EventExportSettings: Hashable, Sendable {
    enum JSONPlace: Hashable, Sendable {
        case standardOutput
        case file(String)
    }

    var json: JSONPlace?
    var journald = false
    var syslog: SyslogSink.Place?

    init() {}

    init(_ section: YAMLSection) {
        json = section.optionalScalar("json", expected: "an absolute path, or \"-\"") { text in
            text == "-" ? .standardOutput : text.hasPrefix("/") ? .file(text) : nil
        }
        journald = section.scalar(
            "journald",
            expected: "yes or no",
            default: false,
            ControllerConfiguration.flag
        )
        syslog = section.optionalScalar(
            "syslog",
            expected: "local, udp://log.example.org:514 or tcp://log.example.org:601"
        ) { SyslogSink.Place($0) }
        section.finish()
    }

    func sinks(cluster: String, host: String) -> [any EventSink] {
        var sinks: [any EventSink] = []
        switch json {
        case .standardOutput: sinks.append(JSONSink(path: nil, cluster: cluster))
        case .file(let path): sinks.append(JSONSink(path: path, cluster: cluster))
        case nil: break
        }
        if journald { sinks.append(JournaldSink(cluster: cluster)) }
        if let syslog { sinks.append(SyslogSink(syslog, cluster: cluster, host: host)) }
        return sinks
    }
}
