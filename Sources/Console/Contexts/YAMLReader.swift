import Yams

/// Reads YAML with the place of every mistake.
struct YAMLReader {
    var path: String

    func compose(_ text: String) throws(ConsoleError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConsoleError(.failed, "\(path): not YAML: \(error)")
        } catch {
            throw ConsoleError(.failed, "\(path): not YAML: \(error)")
        }
    }

    /// The pairs of a mapping in their order.
    ///
    /// - Parameter allowed: the keys there may be; nil for any.
    func mapping(
        _ node: Node,
        allowed: [String]?,
        what: String
    ) throws(ConsoleError) -> [(String, Node)] {
        guard let mapping = node.mapping else {
            throw mistake(node, "\(what) is not a mapping of keys to values")
        }
        var pairs: [(String, Node)] = []
        for (keyNode, value) in mapping {
            let key = try text(keyNode, "a key")
            if let allowed, !allowed.contains(key) {
                let list = allowed.joined(separator: ", ")
                throw mistake(keyNode, "\(what) has no key \(key); there are: \(list)")
            }
            pairs.append((key, value))
        }
        return pairs
    }

    func text(_ node: Node, _ what: String) throws(ConsoleError) -> String {
        guard let text = node.scalar?.string, !text.isEmpty else {
            throw mistake(node, "\(what) is not a text")
        }
        return text
    }

    func servers(_ node: Node) throws(ConsoleError) -> [String] {
        guard let sequence = node.sequence else {
            throw mistake(node, "servers is not a list of https addresses")
        }
        var servers: [String] = []
        for item in sequence {
            do throws(ConsoleError) {
                servers.append(try Context.server(try text(item, "a server")))
            } catch {
                throw mistake(item, error.message)
            }
        }
        return servers
    }

    func mistake(_ node: Node, _ text: String) -> ConsoleError {
        let place = node.mark.map { "\($0.line):\($0.column)" } ?? "1:1"
        return ConsoleError(.failed, "\(path):\(place): \(text)")
    }

    /// A scalar that every reader takes for a text.
    static func quoted(_ text: String) -> String {
        let escaped = text.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : "\($0)" }.joined()
        return "\"\(escaped)\""
    }
}
