import ArgumentParser
import Glibc
import Host
import Identity
import Store
import Transport

/// Turns the typed errors of the modules into one message on stderr and a documented exit code.
enum Failing {
    static func run<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw report(error)
        }
    }

    static func runAsync<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch {
            throw report(error)
        }
    }

    private static func report(_ error: any Error) -> any Error {
        let failure: Failure
        switch error {
        case let error as Failure: failure = error
        case let error as StoreError: failure = describe(error)
        case let error as IdentityError: failure = Failure(error.sentence)
        case let error as TransportError: failure = Failure(error.sentence)
        case let error as HostError: failure = Failure("\(error)")
        case is ExitCode, is CleanExit, is ValidationError: return error
        default: failure = Failure("\(error)")
        }
        StandardErrors.write("error: \(failure)\n")
        return ExitCode(failure.code)
    }

    private static func describe(_ error: StoreError) -> Failure {
        let code: Int32 =
            switch error.code {
            case .outcomeUnknown, .poisoned: 70
            case .inUse, .foreign, .networkFileSystem, .permissions, .exists, .fromTheFuture,
                .notAStore:
                3
            case .full, .notApplied, .tooLarge, .damaged, .missing, .unreadable, .refused: 1
            }
        return Failure("\(error)", code: code)
    }
}

enum StandardErrors {
    static func write(_ text: String) {
        var bytes = Array(text.utf8)
        let written = bytes.withUnsafeMutableBytes { Glibc.write(2, $0.baseAddress, $0.count) }
        _ = written
    }
}
