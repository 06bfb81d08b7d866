/// What every request that changes something carries.
///
/// Both keys may be left out of the JSON, and a request that has nothing else to say may have no
/// body at all.
public protocol ChangeRequest: Codable, Hashable, Sendable {
    /// Why, in the operator's words; goes into the audit log. Some requests demand it.
    var reason: String? { get }
    /// Do it although a safety check advises against it. Never skips authorisation.
    var force: Bool? { get }
}

extension ChangeRequest {
    public var reasonText: String { reason ?? "" }
    public var isForced: Bool { force ?? false }
}

/// A change that needs nothing but its path: cordon, uncordon, release, the end of a maintenance,
/// the removal of a token, an operator or a site.
public struct PlainChange: ChangeRequest {
    public var reason: String?
    public var force: Bool?

    public init(reason: String? = nil, force: Bool? = nil) {
        self.reason = reason
        self.force = force
    }
}

/// The answer to a change that was accepted. What it says is durable.
public struct ChangeDone: Codable, Hashable, Sendable {
    public var asOf: String
    /// What was done, for people.
    public var text: String
    /// Orders that were given to agents by it and can be followed (`/orders/{id}`).
    public var orders: [UInt64]
    /// What may be a mistake, although it was done; left out where there is nothing to say.
    public var remark: String?

    public init(asOf: String, text: String, orders: [UInt64] = [], remark: String? = nil) {
        self.asOf = asOf
        self.text = text
        self.orders = orders
        self.remark = remark
    }
}

/// Where an order stands.
public struct OrderState: RawRepresentable, Codable, Hashable, Sendable {
    public var rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// Its node is not reachable, or an earlier order of the node has not ended.
    public static let waiting = OrderState(rawValue: "waiting")
    public static let sent = OrderState(rawValue: "sent")
    public static let done = OrderState(rawValue: "done")
    public static let failed = OrderState(rawValue: "failed")
    /// The agent turned it down.
    public static let refused = OrderState(rawValue: "refused")
    /// A later order about the same thing took its place.
    public static let superseded = OrderState(rawValue: "superseded")

    public static let all: [OrderState] = [.waiting, .sent, .done, .failed, .refused, .superseded]

    public var isFinal: Bool { self != .waiting && self != .sent }
}

/// One order to one agent.
public struct Order: Codable, Hashable, Sendable {
    public var asOf: String
    public var id: UInt64
    public var node: String
    /// Nil when it is not about one service.
    public var service: String?
    /// `start`, `stop`, `restart`, `preflight`.
    public var action: String
    public var state: OrderState
    /// The outcome or what it waits for, for people; may be empty.
    public var text: String
    public var givenAt: String
    public var endedAt: String?

    public init(
        asOf: String,
        id: UInt64,
        node: String,
        service: String? = nil,
        action: String,
        state: OrderState,
        text: String = "",
        givenAt: String,
        endedAt: String? = nil
    ) {
        self.asOf = asOf
        self.id = id
        self.node = node
        self.service = service
        self.action = action
        self.state = state
        self.text = text
        self.givenAt = givenAt
        self.endedAt = endedAt
    }
}
