import Model
import Protocol

/// What enrolment leaves in the state folder for the agent: who the node is, and where its
/// controllers were when the join token was made.
///
///     NODE format=1 cluster=… node=… name=… site=…
///     CONTROLLER address=192.0.2.7:7400
///     END
public struct MembershipRecord: Hashable, Sendable {
    /// Name of the file in the state folder.
    public static let fileName = "membership"
    public static let controllersMax = 16

    public var identity: NodeIdentity
    /// `host:port`, IPv6 addresses in brackets; in the order of the token.
    public var controllers: [String]

    public init(identity: NodeIdentity, controllers: [String]) {
        self.identity = identity
        self.controllers = controllers
    }

    public var lines: [String] {
        var node = LineWriter("NODE")
        node.put("format", 1 as UInt16)
        node.put("cluster", identity.cluster)
        node.put("node", identity.node)
        node.put("name", identity.name)
        node.put("site", identity.site)
        let addresses = controllers.map { address in
            var controller = LineWriter("CONTROLLER")
            controller.put("address", address)
            return controller.line.description
        }
        return [node.line.description] + addresses + ["END"]
    }

    /// - Throws: the first line that cannot be read.
    public init(lines: [String]) throws(AgentMemoryError) {
        var found: NodeIdentity?
        controllers = []
        for (index, text) in lines.enumerated() {
            let number = index + 1
            guard let line = try? Line.parse(text, limits: .member) else {
                throw AgentMemoryError(line: number, sentence: "not a line of the grammar")
            }
            let fields = FieldReader(line)
            switch line.verb {
            case "NODE" where found == nil && index == 0:
                do throws(MessageError) {
                    guard try fields.number("format", as: UInt16.self) == 1 else {
                        throw .bad(key: "format", expected: "1: it is of a newer version")
                    }
                    found = NodeIdentity(
                        cluster: try fields.name("cluster"),
                        node: try fields.name("node"),
                        name: try fields.name("name"),
                        site: try fields.name("site")
                    )
                } catch {
                    throw AgentMemoryError(line: number, sentence: error.sentence)
                }
            case "CONTROLLER" where controllers.count < Self.controllersMax:
                if let address = fields.optionalText("address") { controllers.append(address) }
            case "END" where number == lines.count:
                guard let found else { break }
                identity = found
                return
            default: throw AgentMemoryError(line: number, sentence: "\(line.verb) is out of place")
            }
        }
        throw AgentMemoryError(line: lines.count + 1, sentence: "the file is cut: no END")
    }
}
