internal import CYaml

/// What a text's form costs whoever composes it, before anybody does: the events of the parser, one
/// after the other, without a tree.
///
/// Yams resolves an alias by putting in a copy, and hashes every key whole. Two kilobytes of tenfold
/// aliases, or a long chain of them, or of keys within keys, would hang or end the process; none of
/// our files needs any of that. `CYaml` is the parser that Yams itself runs on: what is judged here
/// is what is composed there.
enum YAMLShape {
    /// How deep collections may stand in each other, which is far more than a file of ours needs. It is
    /// composed, hashed and freed by recursion.
    static let depthMax = 32

    /// Something that is not taken, at its place.
    struct Refusal: Hashable {
        var line: Int
        var column: Int
        var text: String
    }

    /// - Returns: the first thing in the first document that is not taken. Nil also for what is no YAML:
    ///   that is told by who composes it.
    static func refusal(of text: String) -> Refusal? {
        var text = text
        return text.withUTF8 { bytes in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else {
                preconditionFailure("no memory for a parser of YAML")
            }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            return refusal(from: &parser)
        }
    }

    private static func refusal(from parser: inout yaml_parser_t) -> Refusal? {
        var open = OpenCollections()
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else { return nil }
            defer { yaml_event_delete(&event) }
            if event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT {
                return nil
            }
            guard let text = open.take(event) else { continue }
            return Refusal(
                line: Int(event.start_mark.line) + 1,
                column: Int(event.start_mark.column) + 1,
                text: text
            )
        }
    }
}

/// The collections around the event that comes next.
private struct OpenCollections {
    private enum Place {
        case inSequence
        case beforeKey
        case beforeValue
    }

    private struct Collection {
        /// Where the next node stands in it.
        var place: Place
        /// It is a key, or part of one.
        var isOfKey: Bool
    }

    /// Outermost first.
    private var open: [Collection] = []

    /// - Returns: why the event is not taken.
    mutating func take(_ event: yaml_event_t) -> String? {
        switch event.type {
        case YAML_ALIAS_EVENT:
            return "an alias (*) is not taken here: write out what is meant; a text that begins "
                + "with * stands in quotes"
        case YAML_SCALAR_EVENT:
            passNode()
            return Self.refusal(ofAnchor: event.data.scalar.anchor)
        case YAML_SEQUENCE_START_EVENT:
            return begin(.inSequence, event.data.sequence_start.anchor)
        case YAML_MAPPING_START_EVENT:
            return begin(.beforeKey, event.data.mapping_start.anchor)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            open.removeLast()
            return nil
        default: return nil
        }
    }

    private mutating func begin(
        _ place: Place,
        _ anchor: UnsafePointer<yaml_char_t>?
    ) -> String? {
        let isKey = open.last?.place == .beforeKey
        let isWithinKey = open.last?.isOfKey == true
        // Each key is hashed whole, and those within it once more for each that is around them.
        if isKey, isWithinKey {
            return
                "a list or a mapping is not taken as a key within a key; a text that begins with { "
                + "or [ stands in quotes"
        }
        if open.count == YAMLShape.depthMax {
            return "lists and mappings stand more than \(YAMLShape.depthMax) deep in each other"
        }
        passNode()
        open.append(Collection(place: place, isOfKey: isKey || isWithinKey))
        return Self.refusal(ofAnchor: anchor)
    }

    /// A key is followed by its value, and that by the next key.
    private mutating func passNode() {
        guard let last = open.indices.last else { return }
        switch open[last].place {
        case .beforeKey: open[last].place = .beforeValue
        case .beforeValue: open[last].place = .beforeKey
        case .inSequence: break
        }
    }

    private static func refusal(ofAnchor anchor: UnsafePointer<yaml_char_t>?) -> String? {
        guard anchor != nil else { return nil }
        return "an anchor (&) is not taken here: write out what is meant at each place; a text "
            + "that begins with & stands in quotes"
    }
}
