/// The head of a request, as far as we look at it (RFC 9112). A body is never read.
struct HTTPRequestHead: Hashable, Sendable {
    /// Bytes of a head.
    static let bytesMax = 4_096

    enum Parsed: Hashable, Sendable {
        case incomplete
        case head(HTTPRequestHead)
        case refused(HTTPStatus)
    }

    var isHead: Bool
    /// Without its query.
    var path: String
    /// All headers `Accept`, joined.
    var accept: String?

    /// - Parameter bytes: all that was read so far.
    static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let end = end(of: bytes) else {
            return bytes.count >= bytesMax ? .refused(.tooLarge) : .incomplete
        }
        guard end <= bytesMax else { return .refused(.tooLarge) }
        // Nothing but ASCII belongs into what we read of it; what a value may have besides is not
        // looked at.
        let lines = bytes[..<end].split(separator: 10).map { line in
            line.last == 13 ? line.dropLast() : line
        }
        guard let first = lines.first, let words = words(of: first), words.count == 3 else {
            return .refused(.badRequest)
        }
        guard words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else {
            return .refused(words[2].hasPrefix("HTTP/") ? .badVersion : .badRequest)
        }
        guard words[0] == "GET" || words[0] == "HEAD" else { return .refused(.badMethod) }
        guard words[1].hasPrefix("/") else { return .refused(.badRequest) }
        var head = HTTPRequestHead(
            isHead: words[0] == "HEAD",
            path: String(words[1].prefix { $0 != "?" }),
            accept: nil
        )
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: 58), colon > line.startIndex else {
                return .refused(.badRequest)
            }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            guard name.utf8.allSatisfy({ (33...126).contains($0) }) else {
                return .refused(.badRequest)
            }
            guard name.lowercased() == "accept" else { continue }
            let value = String(decoding: line[(colon + 1)...], as: UTF8.self)
            head.accept = head.accept.map { "\($0),\(value)" } ?? value
        }
        return .head(head)
    }

    /// Where the lines of the head end, before the empty one.
    private static func end(of bytes: [UInt8]) -> Int? {
        var lineStart = 0
        for (index, byte) in bytes.enumerated() where byte == 10 {
            let length = index - lineStart - (index > lineStart && bytes[index - 1] == 13 ? 1 : 0)
            if length == 0, lineStart > 0 { return lineStart }
            lineStart = index + 1
        }
        return nil
    }

    private static func words(of line: ArraySlice<UInt8>) -> [String]? {
        guard line.allSatisfy({ (32...126).contains($0) }) else { return nil }
        return line.split(separator: 32, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

struct HTTPStatus: Hashable, Sendable {
    var code: Int
    var text: String

    static let ok = HTTPStatus(code: 200, text: "OK")
    static let badRequest = HTTPStatus(code: 400, text: "Bad Request")
    static let notFound = HTTPStatus(code: 404, text: "Not Found")
    static let badMethod = HTTPStatus(code: 405, text: "Method Not Allowed")
    static let tooLarge = HTTPStatus(code: 431, text: "Request Header Fields Too Large")
    static let unavailable = HTTPStatus(code: 503, text: "Service Unavailable")
    static let badVersion = HTTPStatus(code: 505, text: "HTTP Version Not Supported")
}

/// An answer, after which the connection is closed.
struct HTTPAnswer {
    var status: HTTPStatus
    var contentType: String
    var body: [UInt8]
    var isHead = false

    init(_ status: HTTPStatus, _ text: String) {
        self.init(status, contentType: "text/plain; charset=utf-8", Array(text.utf8))
    }

    init(_ status: HTTPStatus, contentType: String, _ body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    var bytes: [UInt8] {
        var head = "HTTP/1.1 \(status.code) \(status.text)\r\n"
        if status == .badMethod { head += "Allow: GET, HEAD\r\n" }
        head += "Content-Type: \(contentType)\r\nContent-Length: \(body.count)\r\n"
        head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        return Array(head.utf8) + (isHead ? [] : body)
    }
}
