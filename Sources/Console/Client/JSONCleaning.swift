/// Takes from an answer what could move a terminal's cursor, recolour it or reorder its text.
///
/// It works on the bytes of the JSON before anything is read of it, so that no later line of this
/// program can forget it: everything that came over the network is clean.
enum JSONCleaning {
    /// Control characters, line separators, and characters that change the direction of text
    /// become a space; everything else stays byte for byte.
    static func cleaned(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var at = 0
        var isString = false
        while at < bytes.count {
            let byte = bytes[at]
            if !isString {
                isString = byte == UInt8(ascii: "\"")
                result.append(byte)
                at += 1
            } else if byte == UInt8(ascii: "\\"), at + 1 < bytes.count {
                at += copyEscape(bytes, at, into: &result)
            } else if byte < 0x20 || byte == 0x7F {
                result.append(0x20)
                at += 1
            } else if byte < 0x80 {
                isString = byte != UInt8(ascii: "\"")
                result.append(byte)
                at += 1
            } else {
                at += copyScalar(bytes, at, into: &result)
            }
        }
        return result
    }

    static func isUnwanted(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0x061C,
            0xFEFF:
            true
        default: false
        }
    }

    /// - Returns: how many bytes of the input were taken.
    private static func copyEscape(_ bytes: [UInt8], _ at: Int, into result: inout [UInt8]) -> Int {
        switch bytes[at + 1] {
        case UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
            UInt8(ascii: "t"):
            result.append(0x20)
            return 2
        case UInt8(ascii: "u") where at + 5 < bytes.count:
            let digits = String(decoding: bytes[at + 2...at + 5], as: UTF8.self)
            if let scalar = UInt32(digits, radix: 16), isUnwanted(scalar) {
                result.append(0x20)
            } else {
                result += bytes[at...at + 5]
            }
            return 6
        default:
            result += bytes[at...at + 1]
            return 2
        }
    }

    private static func copyScalar(_ bytes: [UInt8], _ at: Int, into result: inout [UInt8]) -> Int {
        let length = bytes[at] >= 0xF0 ? 4 : bytes[at] >= 0xE0 ? 3 : 2
        let slice = bytes[at..<min(at + length, bytes.count)]
        guard let scalar = String(validating: slice, as: UTF8.self)?.unicodeScalars.first else {
            result.append(UInt8(ascii: "?"))
            return 1
        }
        if isUnwanted(scalar.value) {
            result.append(0x20)
        } else {
            result += slice
        }
        return slice.count
    }
}
