import Model
public import Protocol

/// The tables of the store. A record is one line of text under `(table, key)`.
public enum RecordTable: String, Hashable, Comparable, Sendable, CaseIterable {
    case cluster
    case site
    case node
    case token
    case operators
    case setting

    public static func < (left: RecordTable, right: RecordTable) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One durable fact, replaced as a whole.
public enum Record: Hashable, Sendable {
    case cluster(ClusterRecord)
    case site(SiteRecord)
    case node(NodeRecord)
    case token(TokenRecord)
    case operatorAccount(OperatorRecord)
    case setting(SettingRecord)

    public var table: RecordTable {
        switch self {
        case .cluster: .cluster
        case .site: .site
        case .node: .node
        case .token: .token
        case .operatorAccount: .operators
        case .setting: .setting
        }
    }

    public var key: String {
        switch self {
        case .cluster: "cluster"
        case .site(let site): site.name.text
        case .node(let node): node.id.text
        case .token(let token): token.id.text
        case .operatorAccount(let account): account.name.text
        case .setting(let setting): setting.storeKey
        }
    }

    public var line: Line {
        switch self {
        case .cluster(let cluster): cluster.line
        case .site(let site): site.line
        case .node(let node): node.line
        case .token(let token): token.line
        case .operatorAccount(let account): account.line
        case .setting(let setting): setting.line
        }
    }

    public init(table: RecordTable, line: Line) throws(MessageError) {
        let fields = FieldReader(line)
        switch table {
        case .cluster: self = .cluster(try ClusterRecord(fields))
        case .site: self = .site(try SiteRecord(fields))
        case .node: self = .node(try NodeRecord(fields))
        case .token: self = .token(try TokenRecord(fields))
        case .operators: self = .operatorAccount(try OperatorRecord(fields))
        case .setting: self = .setting(try SettingRecord(fields))
        }
    }
}
