import API
import Foundation
import Model

/// Reads a file line by line, however long it is.
struct LineFile {
    /// A line may be as long as the body of one task.
    static let lineBytesMax = TaskRequest.bodyBytesMax

    struct Line {
        /// From 1.
        var number: Int
        /// Without its end; nil when it is longer than ``lineBytesMax``.
        var bytes: [UInt8]?
    }

    private let next: () throws -> [UInt8]?
    private var buffer: [UInt8] = []
    private var start = 0
    private var number = 0
    private var isAtEnd = false

    /// - Parameter next: the next piece of the file; nil at its end.
    init(_ next: @escaping () throws -> [UInt8]?) {
        self.next = next
    }

    /// The next line that is not blank; nil at the end.
    mutating func line() throws -> Line? {
        while let line = try anyLine() {
            let isBlank = line.bytes?.allSatisfy { $0 == 32 || $0 == 9 || $0 == 13 } ?? false
            if !isBlank { return line }
        }
        return nil
    }

    private mutating func anyLine() throws -> Line? {
        var searched = start
        var isTooLong = false
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                return take(upTo: end, next: end + 1, isTooLong)
            }
            if isAtEnd {
                guard start < buffer.count || isTooLong else { return nil }
                return take(upTo: buffer.count, next: buffer.count, isTooLong)
            }
            buffer.removeFirst(start)
            start = 0
            if buffer.count > Self.lineBytesMax {
                isTooLong = true
                buffer.removeAll()
            }
            searched = buffer.count
            guard let piece = try next() else {
                isAtEnd = true
                continue
            }
            buffer += piece
        }
    }

    private mutating func take(upTo end: Int, next: Int, _ isTooLong: Bool) -> Line {
        number += 1
        let bytes = Array(buffer[start..<end])
        start = next
        let isKept = !isTooLong && bytes.count <= Self.lineBytesMax
        return Line(number: number, bytes: isKept ? bytes : nil)
    }
}

/// One task a line, as JSON.
enum TaskLines {
    /// What is wrong with a line.
    struct Problem: Error, Hashable {
        var text: String
    }

    /// The members that a task may have: those of ``TaskRequest``.
    static let members: Set<String> = [
        "type", "account", "attributes", "priority", "exclusiveKey", "ordered", "key", "attempts",
        "retryDelayMilliseconds", "notBefore", "payload", "payloadBase64",
    ]

    static func task(_ bytes: [UInt8]?) throws(Problem) -> TaskRequest {
        guard let bytes else {
            let most = SizeText.bytes(UInt64(LineFile.lineBytesMax))
            throw Problem(text: "the line is longer than \(most)")
        }
        let data = Data(bytes)
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw Problem(text: "it is not one JSON object")
        }
        if let odd = object.keys.sorted().first(where: { !members.contains($0) }) {
            let near = NearestName.to(odd, among: members.sorted())
            let mend = near.map { "did you mean \($0)?" } ?? "see `muster task submit --help`"
            throw Problem(text: "a task has no member \(kept(odd)); \(mend)")
        }
        do {
            return try JSONDecoder().decode(TaskRequest.self, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw Problem(text: "there is no \(key.stringValue)")
        } catch DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context)
        {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw Problem(text: "\(kept(path)) is not what it should be")
        } catch {
            throw Problem(text: "it is not a task")
        }
    }

    /// A stranger's text within a message.
    private static func kept(_ text: String) -> String {
        let printable = text.unicodeScalars.map { scalar in
            JSONCleaning.isUnwanted(scalar.value) ? "?" : String(Character(scalar))
        }
        return String(printable.joined().prefix(60))
    }
}
