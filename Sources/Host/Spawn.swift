import CHost
import Glibc

/// What a program is started with. Nothing of ours reaches it but what is named here: no
/// descriptor, no variable, no signal disposition.
public struct SpawnPlan {
    public enum Program {
        /// A program that was checked; the very file that was checked is run.
        case trusted(TrustedProgram)
        /// Our own programs, whose place we know.
        case path(String)
    }

    public struct User: Hashable, Sendable {
        public var user: UInt32
        public var group: UInt32
        /// All supplementary groups; none of ours are kept.
        public var supplementary: [UInt32]

        public init(user: UInt32, group: UInt32, supplementary: [UInt32] = []) {
            self.user = user
            self.group = group
            self.supplementary = supplementary
        }
    }

    public struct Limit: Hashable, Sendable {
        /// A number of `RLIMIT_…`.
        public var resource: Int32
        public var soft: UInt64
        public var hard: UInt64

        public init(resource: Int32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    public enum Grouping: Hashable, Sendable {
        /// Stays in our process group: a key pressed at our terminal reaches it.
        case ours
        case ownGroup
        case ownSession
    }

    public var program: Program
    /// The whole argument vector, the program's own name first.
    public var arguments: [String]
    /// The whole environment, each `NAME=value`.
    public var environment: [String]
    public var folder = "/"
    /// `/dev/null` when nil.
    public var input: Descriptor?
    public var output: Descriptor?
    public var error: Descriptor?
    public var grouping = Grouping.ownSession
    /// Ours when nil.
    public var user: User?
    public var gainsNoPrivileges = true
    /// The signal sent to the program when the *thread* that started it ends; 0 for none.
    public var parentDeathSignal: Int32 = 0
    public var nice: Int32?
    public var limits: [Limit] = []
    /// Entered before anything else is done.
    public var cgroup: Cgroup?

    public init(_ program: Program, arguments: [String], environment: [String]) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }
}

/// A program that was started. Whoever starts it reaps it.
public struct SpawnedProcess {
    public let processID: Int32
    /// Readable when the process has ended; nil on a kernel without it.
    public let descriptor: Descriptor?

    /// Waits for the end of the process and reaps it. Blocks the thread.
    public func wait() -> ProcessEnd {
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0 {
            precondition(errno == EINTR, "waiting for \(processID) which is not our child")
        }
        return ProcessEnd(status: status)
    }
}

/// How a process ended.
public enum ProcessEnd: Hashable, Sendable {
    case exited(Int32)
    case signaled(Int32)

    /// Reads a status of `waitpid`.
    public init(status: Int32) {
        var number: Int32 = 0
        if muster_status_exited(status, &number) {
            self = .exited(number)
        } else {
            _ = muster_status_signaled(status, &number)
            self = .signaled(number)
        }
    }
}

/// Why a program could not be started.
public struct SpawnError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Stage: String, Hashable, Sendable {
        case fork, session, cgroup, descriptors, limits, nice, groups, user, privileges, parent
        /// The working folder could not be entered.
        case folder
        /// The file was replaced between the check and the start.
        case changed
        case exec
    }

    public var stage: Stage
    public var path: String
    public var code: Int32

    public init(stage: Stage, path: String, code: Int32) {
        self.stage = stage
        self.path = path
        self.code = code
    }

    public var description: String {
        switch stage {
        case .exec: "run \(path): \(HostError.text(of: code))"
        case .folder: "enter the working folder \(path): \(HostError.text(of: code))"
        default: "start \(path), \(stage.rawValue): \(HostError.text(of: code))"
        }
    }
}

/// Starts programs.
public enum Spawn {
    /// Starts a program and returns once it runs, or once it is known why it does not.
    public static func start(_ plan: SpawnPlan) throws(SpawnError) -> SpawnedProcess {
        var options = muster_spawn_options()
        let path: String
        switch plan.program {
        case .trusted(let program):
            path = program.path
            options.trusted = UnsafePointer(program.found)
        case .path(let text): path = text
        }
        options.input = plan.input?.number ?? -1
        options.output = plan.output?.number ?? -1
        options.error = plan.error?.number ?? -1
        options.new_session = plan.grouping == .ownSession
        options.new_group = plan.grouping == .ownGroup
        options.no_new_privileges = plan.gainsNoPrivileges
        options.parent_death_signal = plan.parentDeathSignal
        if let nice = plan.nice {
            options.set_nice = true
            options.nice = nice
        }
        options.cgroup_procs = plan.cgroup?.entrance.number ?? -1
        let limits = plan.limits.map {
            muster_limit(resource: $0.resource, soft: $0.soft, hard: $0.hard)
        }
        let groups = plan.user?.supplementary ?? []
        if let user = plan.user {
            options.change_user = true
            options.user = user.user
            options.group = user.group
        }
        options.limit_count = limits.count
        options.group_count = groups.count

        var spawned = muster_spawned()
        let result = withCStrings(plan.arguments) { arguments in
            withCStrings(plan.environment) { environment in
                path.withCString { path in
                    plan.folder.withCString { folder in
                        limits.withUnsafeBufferPointer { limits in
                            groups.withUnsafeBufferPointer { groups in
                                options.path = path
                                options.folder = folder
                                options.arguments = arguments
                                options.environment = environment
                                options.limits = limits.baseAddress
                                options.groups = groups.baseAddress
                                return muster_spawn(&options, &spawned)
                            }
                        }
                    }
                }
            }
        }
        withExtendedLifetime(plan) {}
        guard result == 0 else {
            let stage = stage(UInt32(spawned.stage))
            throw SpawnError(
                stage: stage,
                path: stage == .folder ? plan.folder : path,
                code: spawned.error
            )
        }
        return SpawnedProcess(
            processID: spawned.pid,
            descriptor: spawned.pidfd >= 0 ? Descriptor(owning: spawned.pidfd) : nil
        )
    }

    private static func stage(_ number: UInt32) -> SpawnError.Stage {
        switch muster_spawn_stage(rawValue: number) {
        case MUSTER_STAGE_SESSION: .session
        case MUSTER_STAGE_CGROUP: .cgroup
        case MUSTER_STAGE_DESCRIPTORS: .descriptors
        case MUSTER_STAGE_LIMITS: .limits
        case MUSTER_STAGE_NICE: .nice
        case MUSTER_STAGE_GROUPS: .groups
        case MUSTER_STAGE_USER: .user
        case MUSTER_STAGE_PRIVILEGES: .privileges
        case MUSTER_STAGE_PARENT: .parent
        case MUSTER_STAGE_FOLDER: .folder
        case MUSTER_STAGE_CHANGED: .changed
        case MUSTER_STAGE_EXEC: .exec
        default: .fork
        }
    }
}

// A text with a zero byte in it would arrive cut short, which is never what was meant.
private func withCStrings<Result>(
    _ texts: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let copies: [UnsafeMutablePointer<CChar>?] = texts.map { text in
        precondition(!text.utf8.contains(0), "an argument contains a zero byte")
        return strdup(text)
    }
    defer { copies.forEach { free($0) } }
    return (copies + [nil]).withUnsafeBufferPointer { body($0.baseAddress!) }
}
