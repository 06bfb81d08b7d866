extension ZoneRules {
    /// The rules that a compiled file of the tz database tells: TZif, RFC 8536, versions 1 to 4.
    ///
    /// Of a file of version 2 or later the second, 64-bit block is read, and its footer. Every
    /// count is checked against the bytes that are there before anything is made of it, so that
    /// no bytes, whoever wrote them, cost more than their own length.
    ///
    /// - Throws: ``ZoneProblem``. A file that counts leap seconds (`right/…`) is refused: its
    ///   seconds are not those of `WallTime`.
    public init(tzif bytes: [UInt8]) throws(ZoneProblem) {
        guard bytes.count <= Self.bytesMax else {
            throw ZoneProblem(
                .tooLarge,
                at: Self.bytesMax,
                "a file of \(bytes.count) bytes; \(Self.bytesMax) is the limit"
            )
        }
        var reader = TZifReader(bytes: bytes)
        let header = try reader.header()
        if header.version == 0 {
            self = try reader.block(header, timeWidth: 4)
            try reader.expectEnd()
            return
        }
        try reader.skipBlock(header, timeWidth: 4)
        let second = try reader.header()
        guard second.version == header.version else {
            throw ZoneProblem(.badCounts, at: reader.at, "two headers of different versions")
        }
        let table = try reader.block(second, timeWidth: 8)
        let tail = try reader.footer()
        try reader.expectEnd()
        self.init(
            transitions: table.transitions,
            kindIndices: table.kindIndices,
            kinds: table.kinds,
            tail: tail
        )
    }
}

private struct TZifReader {
    struct Header {
        var version: UInt8
        var isUTCount: Int
        var isStandardCount: Int
        var leapCount: Int
        var timeCount: Int
        var kindCount: Int
        var characterCount: Int

        /// Counts are 32 bits, so the sum of 64 bits cannot overflow.
        func size(timeWidth: Int) -> Int {
            timeCount * (timeWidth + 1) + kindCount * 6 + characterCount
                + leapCount * (timeWidth + 4) + isStandardCount + isUTCount
        }
    }

    let bytes: [UInt8]
    var at = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func header() throws(ZoneProblem) -> Header {
        let start = at
        guard bytes.count - at >= 44 else {
            guard bytes[at...].starts(with: "TZif".utf8) else { throw notTZif(at: start) }
            throw truncated("a header of 44 bytes")
        }
        guard bytes[at...].starts(with: "TZif".utf8) else { throw notTZif(at: start) }
        let version = bytes[at + 4]
        guard version == 0 || (UInt8(ascii: "2")...UInt8(ascii: "4")).contains(version) else {
            throw ZoneProblem(
                .unknownVersion,
                at: at + 4,
                "a version of TZif that is not known; 1 to 4 are"
            )
        }
        at += 20
        let counts = (0..<6).map { index in Int(big(at + 4 * index, width: 4)) & 0xffff_ffff }
        at += 24
        let header = Header(
            version: version,
            isUTCount: counts[0],
            isStandardCount: counts[1],
            leapCount: counts[2],
            timeCount: counts[3],
            kindCount: counts[4],
            characterCount: counts[5]
        )
        return header
    }

    mutating func skipBlock(_ header: Header, timeWidth: Int) throws(ZoneProblem) {
        let size = header.size(timeWidth: timeWidth)
        guard size <= bytes.count - at else { throw truncated("a block of \(size) bytes") }
        at += size
    }

    mutating func block(_ header: Header, timeWidth: Int) throws(ZoneProblem) -> ZoneRules {
        try check(header)
        let timesAt = at
        try skipBlock(header, timeWidth: timeWidth)
        let indicesAt = timesAt + header.timeCount * timeWidth
        let kindsAt = indicesAt + header.timeCount
        var transitions: [Int64] = []
        for index in 0..<header.timeCount {
            let place = timesAt + index * timeWidth
            let time = big(place, width: timeWidth)
            if let last = transitions.last, time <= last {
                throw ZoneProblem(.notAscending, at: place, "a transition before its predecessor")
            }
            transitions.append(time)
        }
        let kinds = try kinds(header, at: kindsAt)
        let kindIndices = Array(bytes[indicesAt..<kindsAt])
        if let wrong = kindIndices.firstIndex(where: { Int($0) >= kinds.count }) {
            throw ZoneProblem(.badType, at: indicesAt + wrong, "a type that is not there")
        }
        return ZoneRules(
            transitions: transitions,
            kindIndices: kindIndices,
            kinds: kinds,
            tail: nil
        )
    }

    private func check(_ header: Header) throws(ZoneProblem) {
        guard header.leapCount == 0 else {
            throw ZoneProblem(
                .leapSeconds,
                at: at,
                "the file counts leap seconds; take the zone's file that is not below right/"
            )
        }
        guard header.timeCount <= ZoneRules.transitionsMax else {
            throw ZoneProblem(
                .badCounts,
                at: at,
                "\(header.timeCount) transitions; \(ZoneRules.transitionsMax) is the limit"
            )
        }
        guard (1...256).contains(header.kindCount), header.characterCount >= 1 else {
            throw ZoneProblem(.badCounts, at: at, "no local time type, or more than 256")
        }
        for count in [header.isUTCount, header.isStandardCount]
        where count != 0 && count != header.kindCount {
            throw ZoneProblem(.badCounts, at: at, "indicators of other types than there are")
        }
    }

    private func kinds(_ header: Header, at start: Int) throws(ZoneProblem) -> [ZoneOffset] {
        let charactersAt = start + header.kindCount * 6
        let characters = bytes[charactersAt..<charactersAt + header.characterCount]
        var kinds: [ZoneOffset] = []
        for index in 0..<header.kindCount {
            let place = start + index * 6
            let secondsEast = Int(big(place, width: 4))
            guard ZoneOffset.secondsEastRange.contains(secondsEast) else {
                throw ZoneProblem(.badType, at: place, "an offset of \(secondsEast) s from UTC")
            }
            guard bytes[place + 4] <= 1 else {
                throw ZoneProblem(.badType, at: place + 4, "neither standard nor daylight time")
            }
            let name = characters.dropFirst(Int(bytes[place + 5]))
            let abbreviation = name.prefix { $0 != 0 }
            guard abbreviation.endIndex < name.endIndex, abbreviation.count <= 15,
                abbreviation.allSatisfy(isAbbreviation)
            else { throw ZoneProblem(.badType, at: place + 5, "an abbreviation that is none") }
            kinds.append(
                ZoneOffset(
                    secondsEast: secondsEast,
                    isDaylight: bytes[place + 4] == 1,
                    abbreviation: String(decoding: abbreviation, as: UTF8.self)
                )
            )
        }
        return kinds
    }

    /// A newline, a POSIX TZ string that may be empty, and a newline.
    mutating func footer() throws(ZoneProblem) -> ZoneTail? {
        let newline = UInt8(ascii: "\n")
        guard at < bytes.count, bytes[at] == newline else { throw truncated("a footer") }
        at += 1
        let start = at
        let rest = bytes[start...].prefix(ZoneTail.textMax + 1)
        guard let end = rest.firstIndex(of: newline) else {
            throw truncated("a footer of at most \(ZoneTail.textMax) bytes, and its newline")
        }
        at = end + 1
        guard end > start else { return nil }
        do {
            return try ZoneTail(posix: Array(bytes[start..<end]))
        } catch {
            throw ZoneProblem(error.code, at: start + error.position, error.detail)
        }
    }

    func expectEnd() throws(ZoneProblem) {
        guard at == bytes.count else {
            throw ZoneProblem(.trailingBytes, at: at, "\(bytes.count - at) bytes after the end")
        }
    }

    /// A whole number in network byte order, two's complement. The caller has checked that the
    /// bytes are there.
    private func big(_ place: Int, width: Int) -> Int64 {
        var value: UInt64 = 0
        for byte in bytes[place..<place + width] { value = value << 8 | UInt64(byte) }
        return width == 4
            ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }

    private func isAbbreviation(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
    }

    private func notTZif(at place: Int) -> ZoneProblem {
        ZoneProblem(.notTZif, at: place, "no header of a TZif file")
    }

    private func truncated(_ what: String) -> ZoneProblem {
        ZoneProblem(.truncated, at: bytes.count, "the file ends before \(what)")
    }
}
