import Dispatch

/// What reads much from the disk, or reckons long, for one who asks.
enum DiskWork {
    /// Runs it on a thread of its own: those that answer everybody are as many as there are processors.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
        }
    }
}
