import Testing
@testable import Agent
import AgentCore
import Model

/// Reads a text as `agent.conf`.
func readAgent(_ text: String) -> (configuration: NodeConfiguration, errors: [String]) {
    let problems = ConfigurationProblems(file: "/etc/muster/agent.conf")
    let configuration = NodeConfiguration(Array(text.utf8), problems: problems)
    return (configuration, problems.sorted.map(\.description))
}

/// Reads a text as `services.d/tm.conf`.
func readService(_ text: String) -> (service: ServiceDefinition?, errors: [String]) {
    let problems = ConfigurationProblems(file: "/etc/muster/services.d/tm.conf")
    let service = ServiceDefinition(Array(text.utf8), name: "tm", problems: problems)
    return (service, problems.sorted.map(\.description))
}

/// Reads a text as `handlers.d/push.conf`.
func readHandler(_ text: String) -> (handler: HandlerDefinition?, errors: [String]) {
    let problems = ConfigurationProblems(file: "/etc/muster/handlers.d/push.conf")
    let handler = HandlerDefinition(Array(text.utf8), name: "push", problems: problems)
    return (handler, problems.sorted.map(\.description))
}

func readData(_ text: String) -> (dataSet: DataSetDefinition?, errors: [String]) {
    let problems = ConfigurationProblems(file: "/etc/muster/data.d/orders.conf")
    let dataSet = DataSetDefinition(Array(text.utf8), name: "orders", problems: problems)
    return (dataSet, problems.sorted.map(\.description))
}

/// A key with a value that must be taken and one that must be refused.
struct KeyExample: Sendable, CustomTestStringConvertible {
    var section: String
    var key: String
    var good: String
    var bad: String
    /// What the refusal must say.
    var refusal: String

    init(_ section: String, _ key: String, good: String, bad: String, _ refusal: String) {
        self.section = section
        self.key = key
        self.good = good
        self.bad = bad
        self.refusal = refusal
    }

    var testDescription: String { "[\(section)] \(key)" }
}
