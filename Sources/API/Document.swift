/// A file that says all of something, as it was written: a plan of `POST /plans`, the rules of
/// `PUT /notify/rules` (both answered by ``ChangeDone``). Sent to `/plans/check` and
/// `/notify/rules/check` it changes nothing (answered by ``PlanCheck``, ``NotifyCheck``).
public struct SetDocumentRequest: ChangeRequest {
    /// The file's text: YAML. It takes the place of what there was.
    public var text: String
    /// The file's name, for the places of mistakes.
    public var file: String?
    public var reason: String?
    public var force: Bool?

    public init(
        text: String,
        file: String? = nil,
        reason: String? = nil,
        force: Bool? = nil
    ) {
        self.text = text
        self.file = file
        self.reason = reason
        self.force = force
    }
}

/// What is wrong with a document, and where.
public struct DocumentMistake: Codable, Hashable, Sendable {
    /// From 1.
    public var line: Int
    /// From 1.
    public var column: Int
    public var text: String

    public init(line: Int, column: Int, text: String) {
        self.line = line
        self.column = column
        self.text = text
    }
}
