/// `POST /sites`. Answered by ``ChangeDone``.
public struct AddSiteRequest: ChangeRequest {
    public var name: String
    public var reason: String?
    public var force: Bool?

    public init(name: String, reason: String? = nil, force: Bool? = nil) {
        self.name = name
        self.reason = reason
        self.force = force
    }
}

/// `PUT /sites/{name}/minimum`. Answered by ``ChangeDone``.
public struct SetMinimumRequest: ChangeRequest {
    /// Fewer Online nodes than this is a problem; 0 for none.
    public var minimum: UInt32
    public var reason: String?
    public var force: Bool?

    public init(minimum: UInt32, reason: String? = nil, force: Bool? = nil) {
        self.minimum = minimum
        self.reason = reason
        self.force = force
    }
}
