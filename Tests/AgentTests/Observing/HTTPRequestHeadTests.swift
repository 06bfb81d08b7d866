import Testing

@testable import Agent

@Suite struct HTTPRequestHeadTests {
    private func parse(_ text: String) -> HTTPRequestHead.Parsed {
        HTTPRequestHead.parse(Array(text.utf8))
    }

    @Test(arguments: [
        "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", "GET /health HTTP/1.0\r\n\r\n",
        "GET /health HTTP/1.0\n\n", "GET /health?x=1 HTTP/1.1\nA: b\n\n",
        "GET /health HTTP/1.1\r\n\r\nand more",
    ])
    func `a request is understood`(text: String) {
        let head = HTTPRequestHead(isHead: false, path: "/health", accept: nil)
        #expect(parse(text) == .head(head))
        // Not before it is whole.
        let bytes = Array(text.utf8)
        let whole = (0...bytes.count).first {
            HTTPRequestHead.parse(Array(bytes[..<$0])) != .incomplete
        }
        let end = Array(bytes[..<(whole ?? 0)].suffix(3))
        #expect(end == [10, 13, 10] || end.suffix(2) == [10, 10], "\(end)")
    }

    @Test func `what is accepted is read, however it is written and parted`() {
        let text = "HEAD /metrics HTTP/1.1\r\naccept: text/plain\r\nX: y\r\nACCEPT:*/*\r\n\r\n"
        let head = HTTPRequestHead(isHead: true, path: "/metrics", accept: " text/plain,*/*")
        #expect(parse(text) == .head(head))
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\n\r\n", 405), ("get / HTTP/1.1\r\n\r\n", 405),
        ("GET / HTTP/2.0\r\n\r\n", 505), ("GET / HTTP/1.1 \r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\n\r\n", 400), ("GET /\r\n\r\n", 400), ("GET\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400), ("GET /\u{7f} HTTP/1.1\r\n\r\n", 400),
        ("GET /é HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n: x\r\n\r\n", 400), ("GET / HTTP/1.1\r\na b: x\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n", 400), ("GET / TLS\r\n\r\n", 400),
    ])
    func `anything else is refused with the right status`(text: String, code: Int) {
        guard case .refused(let status) = parse(text) else {
            return #expect(Bool(false), "\(parse(text))")
        }
        #expect(status.code == code)
    }

    @Test func `a head has a length`() {
        func head(_ count: Int) -> String {
            let begin = "GET / HTTP/1.1\r\nX: "
            return begin + String(repeating: "x", count: count - begin.utf8.count)
        }
        let most = HTTPRequestHead.bytesMax
        #expect(parse(head(most - 1)) == .incomplete)
        #expect(parse(head(most)) == .refused(.tooLarge))
        #expect(parse(head(most + 1) + "\r\n\r\n") == .refused(.tooLarge))
        guard case .head = parse(head(most - 2) + "\r\n\r\n") else {
            return #expect(Bool(false), "the longest one")
        }
    }
}
