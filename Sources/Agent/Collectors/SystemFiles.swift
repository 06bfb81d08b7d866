import Glibc

/// The kernel's files below `/proc` and `/sys`, or copies of them below another root.
struct SystemFiles: Sendable {
    /// Bytes read of one file; what lies beyond is not looked at.
    static let sizeMax = 1_048_576

    /// Put before every path; empty for this machine.
    var root: String

    init(root: String = "") {
        self.root = root
    }

    /// - Returns: nil when the file is missing or cannot be read: kernels differ in what they have.
    func text(_ path: String) -> String? {
        let descriptor = open(root + path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < Self.sizeMax {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            bytes.append(contentsOf: buffer[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names of the directories in a directory, in no order; empty when it cannot be read.
    func directories(in path: String) -> [String] {
        guard let directory = opendir(root + path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if entry.pointee.d_type == UInt8(DT_DIR), name != ".", name != ".." {
                names.append(name)
            }
        }
        return names
    }
}

extension String {
    /// Lines without their ends, empty ones left out.
    var textLines: [Substring] { split(separator: "\n") }
}

extension Substring {
    /// What stands between blanks.
    var fields: [Substring] { split { $0 == " " || $0 == "\t" } }
}

extension UInt64 {
    /// Counters of a machine never take the agent down by being huge.
    func saturatingAdd(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func saturatingMultiply(_ other: UInt64) -> UInt64 {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }

    /// `self * numerator / denominator` without overflow in between; saturates. 0 when the
    /// denominator is 0.
    func scaled(by numerator: UInt64, over denominator: UInt64) -> UInt64 {
        guard denominator > 0 else { return 0 }
        let product = multipliedFullWidth(by: numerator)
        guard product.high < denominator else { return .max }
        return denominator.dividingFullWidth(product).quotient
    }
}
