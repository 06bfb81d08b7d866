public import Model
public import Protocol

/// Who this node is: given at enrolment, for all time.
public struct NodeIdentity: Hashable, Sendable {
    public var cluster: ClusterID
    public var node: NodeID
    public var name: NodeName
    public var site: SiteName

    public init(cluster: ClusterID, node: NodeID, name: NodeName, site: SiteName) {
        self.cluster = cluster
        self.node = node
        self.name = name
        self.site = site
    }
}

/// What an agent remembers over its own end, a crash and a power cut.
///
/// It is small, so it is always written as a whole: there is no half-written memory.
public struct AgentMemory: Hashable, Sendable {
    /// What was ordered for one service, and under which token.
    public struct Wish: Hashable, Sendable {
        public var isWanted: Bool
        public var token: FencingToken

        public init(isWanted: Bool, token: FencingToken) {
            self.isWanted = isWanted
            self.token = token
        }
    }

    public static let settingsMax = 256
    public static let settingsBytesMax = 64 * 1_024

    /// The member whose memory this is; nil before the first session.
    public var node: NodeID?
    public var cluster: ClusterID?
    /// Raised, and durable, before the first connection of each process.
    public var incarnation: UInt64
    /// The nonce of the last WELCOME.
    public var nonce: String
    /// The highest token ever seen; a lower one is refused.
    public var highest: FencingToken
    public var role: SiteRole?
    /// The drill in which the standby site is.
    public var drill: UInt64?
    /// What keeps new work from the node; nil when nothing does.
    public var standing: NodeStanding?
    public var wishes: OrderedTable<ServiceName, Wish>
    public var settingsVersion: UInt64
    public var settings: OrderedTable<String, Setting>

    public init() {
        node = nil
        cluster = nil
        incarnation = 0
        nonce = ""
        highest = .zero
        role = nil
        wishes = OrderedTable()
        settingsVersion = 0
        settings = OrderedTable()
    }
}

/// Why a stored memory cannot be read: the agent does not start then, because a guess could run
/// what was fenced.
public struct AgentMemoryError: Error, Hashable, Sendable {
    /// Counted from 1.
    public var line: Int
    public var sentence: String

    public init(line: Int, sentence: String) {
        self.line = line
        self.sentence = sentence
    }
}

extension AgentMemory {
    /// As it is stored: text lines of the protocol's own grammar, the last of which is `END`, so
    /// that a cut file is noticed.
    public var lines: [String] {
        var state = LineWriter("STATE")
        state.put("format", 1 as UInt16)
        state.put("node", node)
        state.put("cluster", cluster)
        state.put("incarnation", incarnation)
        state.put("nonce", nonce)
        state.put("highest", highest)
        state.put("role", role)
        state.put("drill", drill)
        state.put("standing", standing)
        state.put("settings", settingsVersion)
        var lines = [state.line.description]
        for (service, wish) in wishes {
            var writer = LineWriter("WISH")
            writer.put("service", service)
            writer.put("wanted", wish.isWanted)
            writer.put("token", wish.token)
            lines.append(writer.line.description)
        }
        for setting in settings.values {
            lines.append(ControllerMessage.set(setting).line.description)
        }
        return lines + ["END"]
    }

    /// - Throws: the first line that cannot be read.
    public init(lines: [String]) throws(AgentMemoryError) {
        self.init()
        var isEnded = false
        for (index, text) in lines.enumerated() {
            if isEnded { throw AgentMemoryError(line: index + 1, sentence: "text after END") }
            do {
                isEnded = try read(text, isFirst: index == 0)
            } catch {
                throw AgentMemoryError(line: index + 1, sentence: error.sentence)
            }
        }
        if !isEnded {
            throw AgentMemoryError(line: lines.count + 1, sentence: "the file is cut: no END")
        }
    }

    private struct Problem: Error {
        var sentence: String
    }

    /// - Returns: whether this was the last line.
    private mutating func read(_ text: String, isFirst: Bool) throws(Problem) -> Bool {
        let line: Line
        do {
            line = try Line.parse(text, limits: .record)
        } catch {
            throw Problem(sentence: error.sentence)
        }
        guard isFirst == (line.verb == "STATE") else {
            throw Problem(sentence: "STATE must be the first line, and only that")
        }
        do {
            let fields = FieldReader(line)
            switch line.verb {
            case "STATE":
                let format = try fields.number("format", as: UInt16.self)
                guard format == 1 else {
                    throw Problem(
                        sentence: "format \(format) is of a newer muster-agent; this one reads 1"
                    )
                }
                try readState(fields)
            case "WISH":
                wishes[try fields.name("service")] = Wish(
                    isWanted: try fields.flag("wanted"),
                    token: try fields.token("token")
                )
            case "SET":
                guard case .set(let setting) = try ControllerMessage(line) else { return false }
                settings[setting.key] = setting
            case "END": return true
            default: throw Problem(sentence: "\(line.verb) is not known here")
            }
        } catch let error as MessageError {
            throw Problem(sentence: error.sentence)
        } catch let error as Problem {
            throw error
        } catch {
            throw Problem(sentence: "unreadable")
        }
        return false
    }

    private mutating func readState(_ fields: FieldReader) throws(MessageError) {
        node = try fields.optionalName("node")
        cluster = try fields.optionalName("cluster")
        incarnation = try fields.number("incarnation")
        nonce = fields.optionalText("nonce") ?? ""
        highest = try fields.token("highest")
        role = try fields.optionalWord("role")
        drill = try fields.optionalNumber("drill")
        standing = try fields.optionalWord("standing")
        settingsVersion = try fields.number("settings")
    }
}
