extension Unicode.Scalar {
    /// Whether it may stand raw in a line, and so in any text that is carried as it is.
    ///
    /// C0, DEL, C1, line and paragraph separators, bidirectional controls and noncharacters may
    /// not: a line that is logged stays one line and shows what it says.
    @inlinable public var isPlain: Bool {
        switch value {
        case 0..<0x20, 0x7f..<0xa0: false
        case 0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a...0x202e, 0x2066...0x2069: false
        case 0xfdd0...0xfdef: false
        case let value where value & 0xfffe == 0xfffe: false
        default: true
        }
    }
}

extension String {
    /// One line of at most so many bytes, which is carried exactly as it is.
    public func isPlainLine(bytesMax limit: Int) -> Bool {
        utf8.count <= limit && unicodeScalars.allSatisfy(\.isPlain)
    }
}
