import Model
import Protocol

/// The variables of one attempt's handler: the cluster's settings, what the node's definition says,
/// and over both what the task is.
enum TaskEnvironment {
    static func variables(
        of order: RunOrder,
        definition: HandlerDefinition,
        identity: NodeIdentity?,
        settings: OrderedTable<String, Setting>,
        drill: UInt64? = nil
    ) -> [EnvironmentVariable] {
        var variables: OrderedTable<String, String> = OrderedTable()
        for setting in settings.values {
            if let name = setting.environmentName { variables[name] = setting.value }
        }
        for variable in definition.environment { variables[variable.name] = variable.value }
        // Of two attributes with one name, the first in their order holds.
        for attribute in order.attributes.sorted().reversed() {
            variables[name(of: attribute, isHook: order.type.isHook)] = attribute.value
        }
        variables["MUSTER_TASK"] = "\(order.attempt.task)"
        variables["MUSTER_ATTEMPT"] = "\(order.attempt.attempt)"
        let token = order.fencingToken
        let drill = self.drill(of: order) ?? drill
        variables["MUSTER_TOKEN"] = "\(drill.map { token.inDrill($0) } ?? token)"
        if let drill { variables["MUSTER_DRILL"] = "\(drill)" }
        variables["MUSTER_TYPE"] = order.type.text
        variables["MUSTER_ACCOUNT"] = order.account
        variables["MUSTER_PRIORITY"] = "\(order.priority)"
        variables["MUSTER_AGAIN"] = order.isRepeated ? "yes" : "no"
        variables["MUSTER_EXCLUSIVE"] = order.exclusiveKey ?? ""
        variables["MUSTER_SUBMITTED"] = order.submittedAt.iso8601
        variables["MUSTER_HANDLER"] = order.handler.text
        if let identity {
            variables["MUSTER_NODE"] = identity.node.text
            variables["MUSTER_SITE"] = identity.site.text
        }
        return variables.map { EnvironmentVariable(name: $0.0, value: $0.1) }
    }

    /// The drill that a hook is part of, by its context: some are executed before the site is isolated,
    /// and some at the active site. Nil for what is of no drill.
    private static func drill(of order: RunOrder) -> UInt64? {
        func value(_ name: String) -> String? {
            order.attributes.sorted().first { $0.name == name }?.value
        }
        guard order.type.isHook, value("KIND") == "drill" else { return nil }
        return value("RUN").flatMap { UInt64($0) } ?? 0
    }

    /// `MUSTER_ATTRIBUTE_REGION`: the prefix is ours, and what follows has letters and digits only,
    /// so that no task can set a variable that means something to a program. A hook's attributes are
    /// the controller's own, and its run's context: `MUSTER_RUN`, `MUSTER_FROM` and their like.
    static func name(of attribute: TaskAttribute, isHook: Bool) -> String {
        let name = attribute.name.utf8.map { byte -> UInt8 in
            switch byte {
            case 97...122: byte - 32
            case 65...90, 48...57: byte
            default: 95
            }
        }
        return (isHook ? "MUSTER_" : "MUSTER_ATTRIBUTE_") + String(decoding: name, as: UTF8.self)
    }
}
