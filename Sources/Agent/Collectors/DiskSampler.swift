import Glibc
import Model

/// One sample of the disks.
struct DiskSample: Hashable, Sendable {
    /// In the order of their mount points, or of the configuration.
    var disks: [Disk] = []
    /// Mount points that gave no answer: their server is away, or they are not there.
    var unknown: [String] = []
}

/// Asks file systems how full they are. A file system whose server may be away is asked on a
/// thread of its own, which is waited for only until a deadline: a hung mount costs one sleeping
/// thread, however long it hangs, and its disk is unknown for so long.
struct DiskSampler {
    /// Disks reported of one node; further ones are left out.
    static let disksMax = 64
    /// What all mounts that may hang have together, in one sample.
    static let patience = Duration.milliseconds(200)

    typealias Question = @Sendable (String) -> Disk?

    private let files: SystemFiles
    private let configured: [String]
    private let question: Question
    private var probes: [String: PatientQuestion<Disk?>] = [:]

    /// - Parameters:
    ///   - disks: what to report; empty for all real local file systems.
    ///   - question: answers for one directory; may hang.
    init(
        disks: [String] = [],
        files: SystemFiles = SystemFiles(),
        question: @escaping Question = fileSystemFigures
    ) {
        self.configured = disks
        self.files = files
        self.question = question
    }

    /// Takes at most ``patience`` longer than the local file systems take.
    mutating func sample() -> DiskSample {
        let mounts = MountTable(mountinfo: files.text("/proc/self/mountinfo") ?? "")
        let places = configured.isEmpty ? mounts.localDisks : configured
        let deadline = MonotonicDeadline(after: Self.patience)
        var sample = DiskSample()
        var asked: Set<String> = []
        for place in places.prefix(Self.disksMax) {
            var answer: Disk?
            if mounts.mount(of: place)?.mayHang ?? true {
                asked.insert(place)
                let probe = probes[place] ?? patient(place)
                probes[place] = probe
                answer = probe.ask(until: deadline) ?? nil
            } else {
                answer = question(place)
            }
            if let answer { sample.disks.append(answer) } else { sample.unknown.append(place) }
        }
        probes = probes.filter { asked.contains($0.key) }
        return sample
    }

    private func patient(_ place: String) -> PatientQuestion<Disk?> {
        let question = question
        return PatientQuestion { question(place) }
    }
}

/// - Returns: nil when the path cannot be asked, or the file system has no size.
@Sendable func fileSystemFigures(_ path: String) -> Disk? {
    var figures = statvfs()
    guard statvfs(path, &figures) == 0, figures.f_blocks > 0 else { return nil }
    let block = UInt64(figures.f_frsize)
    return Disk(
        mount: path,
        total: UInt64(figures.f_blocks).saturatingMultiply(block),
        available: UInt64(figures.f_bavail).saturatingMultiply(block),
        inodesTotal: UInt64(figures.f_files),
        inodesAvailable: UInt64(figures.f_favail)
    )
}
