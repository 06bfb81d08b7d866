import CHost

/// SHA-256 (FIPS 180-4), piece by piece, for programs that link no Foundation.
public struct SHA256Sum: ~Copyable {
    private var state = muster_sha256()

    public init() {
        muster_sha256_begin(&state)
    }

    public mutating func add(_ bytes: borrowing [UInt8]) {
        add(bytes[...])
    }

    public mutating func add(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { muster_sha256_add(&state, $0.baseAddress, $0.count) }
    }

    /// 64 digits in lower case.
    public consuming func hex() -> String {
        var digest = [UInt8](repeating: 0, count: Int(MUSTER_SHA256_BYTES))
        muster_sha256_end(&state, &digest)
        return Hex.encode(digest)
    }

    public static func hex(of bytes: [UInt8]) -> String {
        var hash = SHA256Sum()
        hash.add(bytes)
        return hash.hex()
    }
}

extension MachineIdentity {
    /// Addresses of every interface but the loopback, without those of one link alone.
    public static var addresses: [String] {
        var text = [CChar](repeating: 0, count: 16_384)
        guard muster_interface_addresses(&text, text.count) == 0 else { return [] }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("fe80:") }
    }
}
