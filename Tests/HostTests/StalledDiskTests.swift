import AgentCore
import Foundation
import Glibc
import Host
import Model
import Testing

/// A real leash whose disk hangs while a file named `stalled` is there.
@Suite(.serialized) struct StalledDiskTests {
    private static let shim = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <poll.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>
        static void stall(void) {
            const char *mark = getenv("STALLED");
            while (mark && access(mark, F_OK) == 0) poll(NULL, 0, 10);
        }
        int fsync(int file) {
            static int (*real)(int);
            if (!real) real = dlsym(RTLD_NEXT, "fsync");
            stall();
            return real(file);
        }
        ssize_t write(int file, const void *bytes, size_t count) {
            static ssize_t (*real)(int, const void *, size_t);
            struct stat about;
            if (!real) real = dlsym(RTLD_NEXT, "write");
            if (file > 2 && fstat(file, &about) == 0 && S_ISREG(about.st_mode)) stall();
            return real(file, bytes, count);
        }

        """

    /// With the shim built and the leash told to use it.
    private func harness(_ script: String) throws -> LeashHarness {
        let harness = LeashHarness(script, onDisconnect: .keep)
        harness.folder.write("shim.c", Self.shim)
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/cc")
        compiler.arguments = [
            "-shared", "-fPIC", "-o", harness.folder["shim.so"], harness.folder["shim.c"], "-ldl",
        ]
        try compiler.run()
        compiler.waitUntilExit()
        try #require(compiler.terminationStatus == 0)
        harness.environment = [
            "LD_PRELOAD=\(harness.folder["shim.so"])",
            "STALLED=\(harness.folder["stalled"])",
        ]
        return harness
    }

    @Test func `a result that cannot be written delays no kill, and is told when it is written`()
        throws
    {
        // The program ends; what it leaves behind ignores SIGTERM and must be killed.
        let harness = try harness(
            """
            (trap '' TERM; exec setsid sh -c 'while :; do sleep 1; done' "$0") &
            echo up
            while [ ! -e go ]; do sleep 0.1; done
            exit 3
            """
        )
        harness.spec.deadline = BootClock.now() + .seconds(3)
        harness.spec.stopGrace = .seconds(60)
        try harness.startAndAwaitUp()
        harness.folder.write("stalled", "")
        harness.folder.write("go", "")
        let deadline = try #require(harness.spec.deadline)
        #expect(eventually { harness.living.isEmpty })
        #expect(BootClock.now() - deadline < .seconds(1))
        #expect(BootClock.now() >= deadline)
        #expect(!harness.hasReport { report in if case .exited = report { true } else { false } })
        #expect(harness.folder.text(LeashFiles.exit).isEmpty)
        unlink(harness.folder["stalled"])
        let expected = LeashResult(cause: .exited, exit: .exited(status: 3))
        #expect(harness.nextEmpty() == expected)
        #expect(harness.recordedEmpty() == expected)
        harness.send(.acknowledge)
        #expect(harness.waitForLeash() == .exited(LeashMachine.statusAcknowledged))
    }

    @Test func `a log that cannot be written delays neither the kill nor the result`() throws {
        let harness = try harness(
            """
            echo up
            while [ ! -e go ]; do sleep 0.1; done
            trap '' TERM
            while :; do echo "a line of a program that writes without end"; done
            """
        )
        let deadline = BootClock.now() + .seconds(2)
        harness.spec.deadline = deadline
        try harness.startAndAwaitUp()
        harness.folder.write("stalled", "")
        harness.folder.write("go", "")
        #expect(eventually { harness.living.isEmpty })
        #expect(BootClock.now() - deadline < .seconds(1))
        unlink(harness.folder["stalled"])
        #expect(harness.nextEmpty() == LeashResult(cause: .deadlinePassed, exit: .signaled(9)))
        harness.send(.acknowledge)
        #expect(harness.waitForLeash() == .exited(LeashMachine.statusAcknowledged))
    }
}
