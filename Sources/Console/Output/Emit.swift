import Foundation
import Yams

/// Writes answers for programs: the API's own JSON with its keys sorted, or the same as YAML.
enum Emit {
    static func text(_ json: [UInt8], as format: OutputFormat) throws -> String {
        let object = try JSONSerialization.jsonObject(
            with: Data(json),
            options: .fragmentsAllowed
        )
        if format == .yaml { return try Yams.serialize(node: node(object), allowUnicode: true) }
        let data = try JSONSerialization.data(
            withJSONObject: object,
            options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]
        )
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    private static func node(_ object: Any) -> Node {
        switch object {
        case let mapping as [String: Any]:
            let pairs = mapping.sorted { $0.key < $1.key }
            return Node(pairs.map { (Node($0.key), node($0.value)) })
        case let list as [Any]:
            return Node(list.map { node($0) })
        case let number as NSNumber:
            let isFlag = CFGetTypeIDIsBoolean(number)
            return Node(isFlag ? (number.boolValue ? "true" : "false") : "\(number)")
        case let text as String:
            return quoted(text)
        default:
            return Node("null")
        }
    }

    /// A text that a reader would take for something else is quoted.
    private static func quoted(_ text: String) -> Node {
        let isPlain = Resolver.default.resolveTag(of: Node(text)) == .str
        return Node(text, Tag(.str), isPlain ? .any : .doubleQuoted)
    }

    private static func CFGetTypeIDIsBoolean(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c"
    }
}

/// A value as one line of JSON with its keys sorted.
enum JSONLine {
    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    static func text(_ value: some Encodable) throws -> String {
        String(decoding: try bytes(value), as: UTF8.self)
    }
}
