import Host

extension TrustedFile {
    /// - Returns: nil when the file cannot be read or must not be believed, which `problems` then
    ///   tell.
    func read(_ problems: ConfigurationProblems) -> [UInt8]? {
        do throws(Fault) {
            // One byte more than allowed is enough for the reader to see that the file is too large.
            return try read(limit: ConfigurationDocument.sizeMax)
        } catch {
            problems.add(error.text)
            return nil
        }
    }
}
