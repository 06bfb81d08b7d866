import API
import Model

/// A list that is asked for anew whenever something happens: services, sites, tokens, operators.
struct LiveList<Value: Decodable & Sendable, Item: Sendable>: LiveModel {
    var path: String
    var query: [(String, String?)] = []
    var options: ListOptions
    var items: @Sendable (Value) -> [Item]
    var listing: @Sendable (Style, WallTime) -> Listing<Item>
    var answer: Value?
    var clock = ControllerClock()

    mutating func fetch(_ session: Session) async throws {
        let answer: Answer<Value> = try await session.client.get(path, query: query)
        self.answer = answer.value
        clock.set(answer.asOf.iso8601)
    }

    mutating func apply(_ update: StreamUpdate) -> Bool {
        switch update {
        case .event, .change: true
        case .pulse, .connected, .lost, .refused: false
        }
    }

    func lines(_ frame: LiveFrame) -> [String] {
        guard let answer else { return [] }
        let table = try? listing(frame.style, clock.now).table(
            items(answer),
            isWide: options.output.format == .wide,
            hasHeader: !options.noHeaders,
            sortBy: options.sortBy
        )
        let head = frame.head("", at: clock.now)
        let rows = table?.lines(style: frame.style, width: frame.width) ?? []
        return [head, ""] + LiveNodes.fitted(rows, to: frame.height.map { $0 - 2 })
    }

    func changes(by update: StreamUpdate, style: Style) -> [String] {
        guard case .event(let event, _) = update else { return [] }
        return [EventWords.line(event, style: style, at: clock.now, isWide: false)]
    }
}
