import AgentCore
import Model
import Testing

@Suite struct LeashMachineTests {
    @Test func `a program that ends by itself is recorded, told, and its remnants asked to end`() {
        var transcript = LeashTranscript { $0.onDisconnect = .keep }
        transcript.step(.agentConnected, at: .milliseconds(100))
        transcript.step(.childStarted(processID: 7), at: .milliseconds(110))
        transcript.step(.childExited(.exited(status: 0)), at: .seconds(5))
        transcript.step(.groupEmpty, at: .seconds(5))
        transcript.step(.command(.acknowledge), at: .seconds(6))
        #expect(
            transcript.lines == [
                "0ms configured -> nothing",
                "100ms agentConnected -> spawn, say[state phase=starting token=T on-disconnect=keep]",
                "110ms childStarted(7) -> say[started pid=7]",
                "5s childExited(0) -> record[exited cause=exited status=0], TERM, look, "
                    + "say[exited cause=exited status=0]",
                "5s groupEmpty -> record[empty cause=exited status=0], "
                    + "say[empty cause=exited status=0]",
                "6s order(acknowledge) -> exit 0",
            ]
        )
    }

    @Test func `fault 1: the end of the agent kills a task at once`() {
        var transcript = LeashTranscript.running()
        transcript.step(.agentDisconnected, at: .seconds(2))
        transcript.step(.childExited(.signaled(9)), at: .seconds(2))
        transcript.step(.groupEmpty, at: .seconds(2))
        #expect(
            transcript.lines == [
                "2s agentDisconnected -> KILL, look",
                "2s childExited(signal 9) -> record[exited cause=disconnected signal=9], look",
                "2s groupEmpty -> record[empty cause=disconnected signal=9], exit 3",
            ]
        )
    }

    @Test func `fault 2: a service outlives its agent and is taken over by the next one`() {
        var transcript = LeashTranscript.running { $0.onDisconnect = .keep }
        transcript.step(.agentDisconnected, at: .seconds(2))
        transcript.step(.command(.status), at: .seconds(3))
        transcript.step(.agentConnected, at: .seconds(4))
        #expect(
            transcript.lines == [
                "2s agentDisconnected -> nothing",
                "3s order(status) -> nothing",
                "4s agentConnected -> say[state phase=running token=T on-disconnect=keep pid=7]",
            ]
        )
    }

    @Test func `fault 2: an agent that was away learns how the service ended`() {
        var transcript = LeashTranscript.running { $0.onDisconnect = .keep }
        transcript.step(.agentDisconnected, at: .seconds(2))
        transcript.step(.childExited(.exited(status: 9)), at: .seconds(3))
        transcript.step(.groupEmpty, at: .seconds(3))
        transcript.step(.agentConnected, at: .seconds(60))
        transcript.step(.command(.acknowledge), at: .seconds(61))
        #expect(
            transcript.lines == [
                "2s agentDisconnected -> nothing",
                "3s childExited(9) -> record[exited cause=exited status=9], TERM, look",
                "3s groupEmpty -> record[empty cause=exited status=9]",
                "1m00s agentConnected -> say[state phase=empty token=T on-disconnect=keep], "
                    + "say[empty cause=exited status=9]",
                "1m01s order(acknowledge) -> exit 0",
            ]
        )
    }

    @Test func `fault 3: the deadline kills although the agent is there and silent`() {
        var transcript = LeashTranscript.running { $0.deadline = .origin + .seconds(12) }
        transcript.pass(to: .seconds(12))
        transcript.step(.childExited(.signaled(9)), at: .milliseconds(12_001))
        transcript.step(.groupEmpty, at: .milliseconds(12_001))
        #expect(
            transcript.lines == [
                "12s deadlineReached -> KILL, look",
                "12s childExited(signal 9) -> record[exited cause=deadline-passed signal=9], look, "
                    + "say[exited cause=deadline-passed signal=9]",
                "12s groupEmpty -> record[empty cause=deadline-passed signal=9], "
                    + "say[empty cause=deadline-passed signal=9]",
            ]
        )
    }

    @Test func `with a grace the deadline asks first and kills when the grace is over`() {
        var transcript = LeashTranscript.running {
            $0.deadline = .origin + .seconds(12)
            $0.deadlineGrace = .seconds(2)
        }
        transcript.pass(to: .seconds(14))
        #expect(
            transcript.lines == [
                "12s deadlineReached -> TERM",
                "14s deadlineReached -> KILL, look",
            ]
        )
    }

    @Test func `fault 4: nothing is started at or after the deadline`() {
        var transcript = LeashTranscript { $0.deadline = .origin + .seconds(1) }
        transcript.step(.agentConnected, at: .seconds(1))
        #expect(
            transcript.lines == [
                "0ms configured -> nothing",
                "1s agentConnected -> record[empty cause=deadline-passed], "
                    + "say[state phase=empty token=T on-disconnect=kill deadline=1000000000], "
                    + "say[empty cause=deadline-passed]",
            ]
        )
    }

    @Test func `fault 4: a start that finds itself too late is told as the deadline's doing`() {
        var transcript = LeashTranscript { $0.deadline = .origin + .seconds(1) }
        transcript.step(.agentConnected, at: .milliseconds(900))
        let failure = LeashFailure(stage: "deadline", path: "/bin/true", code: 0, reason: "late")
        transcript.step(.spawnFailed(failure), at: .seconds(3))
        transcript.step(.groupEmpty, at: .seconds(3))
        #expect(
            transcript.lines.dropFirst() == [
                "900ms agentConnected -> spawn before 1s, "
                    + "say[state phase=starting token=T on-disconnect=kill deadline=1000000000]",
                "3s spawnFailed(deadline) -> KILL, look",
                "3s groupEmpty -> record[empty cause=deadline-passed stage=deadline "
                    + "path=/bin/true code=0 reason=late], say[empty cause=deadline-passed "
                    + "stage=deadline path=/bin/true code=0 reason=late]",
            ]
        )
    }

    @Test
    func `fault 4: a program that was started across the deadline is killed in the same step`() {
        var transcript = LeashTranscript { $0.deadline = .origin + .seconds(1) }
        transcript.step(.agentConnected, at: .milliseconds(900))
        transcript.step(.childStarted(processID: 7), at: .seconds(3))
        #expect(transcript.lines.last == "3s childStarted(7) -> KILL, look, say[started pid=7]")
    }

    @Test func `a leash that was frozen acts on its deadline before it hears the extension`() {
        var transcript = LeashTranscript.running { $0.deadline = .origin + .seconds(12) }
        let later = Instant.origin + .seconds(60)
        transcript.step(.command(.extend(deadline: later)), at: .seconds(20))
        #expect(
            transcript.lines == [
                "20s order(extend deadline=60000000000) -> KILL, look, "
                    + "say[refused reason=the%20deadline%20has%20passed]"
            ]
        )
        #expect(transcript.machine.deadline == .origin + .seconds(12))
    }

    @Test func `an extension moves the deadline, an older one does not, a fence does`() {
        var transcript = LeashTranscript.running { $0.deadline = .origin + .seconds(12) }
        transcript.step(.command(.extend(deadline: .origin + .seconds(20))), at: .seconds(2))
        transcript.step(.command(.extend(deadline: .origin + .seconds(15))), at: .seconds(3))
        #expect(transcript.machine.nextDeadline == .origin + .seconds(20))
        transcript.step(.command(.fence(deadline: .origin + .seconds(10))), at: .seconds(4))
        #expect(transcript.machine.nextDeadline == .origin + .seconds(10))
        transcript.step(.command(.fence(deadline: .origin + .seconds(11))), at: .seconds(5))
        #expect(transcript.machine.nextDeadline == .origin + .seconds(10))
    }

    @Test func `a program without a deadline cannot be given one by an extension`() {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.extend(deadline: .origin + .seconds(20))), at: .seconds(2))
        #expect(transcript.machine.nextDeadline == nil)
        #expect(transcript.lines[0].contains("say[refused"))
    }

    @Test func `a stop asks, and kills what ignores it after the grace`() {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.stop(grace: .seconds(3))), at: .seconds(1))
        transcript.pass(to: .milliseconds(4_030))
        transcript.step(.childExited(.signaled(9)), at: .milliseconds(4_031))
        transcript.step(.groupEmpty, at: .milliseconds(4_031))
        #expect(
            transcript.lines == [
                "1s order(stop grace=3000) -> TERM",
                "4s deadlineReached -> KILL, look",
                "4s deadlineReached -> KILL, look",
                "4s childExited(signal 9) -> record[exited cause=stopped signal=9], look, "
                    + "say[exited cause=stopped signal=9]",
                "4s groupEmpty -> record[empty cause=stopped signal=9], "
                    + "say[empty cause=stopped signal=9]",
            ]
        )
    }

    @Test func `what a program leaves behind is looked at until the grace is over, then killed`() {
        var transcript = LeashTranscript.running { $0.stopGrace = .milliseconds(50) }
        transcript.step(.childExited(.exited(status: 0)), at: .seconds(1))
        transcript.lines = []
        transcript.pass(to: .milliseconds(1_050))
        #expect(
            transcript.lines == [
                "1s deadlineReached -> TERM, look",
                "1s deadlineReached -> TERM, look",
                "1s deadlineReached -> KILL, look",
            ]
        )
    }

    @Test func `a stop command is run in place of SIGTERM, which follows when it fails`() {
        var transcript = LeashTranscript.running { $0.stopArguments = ["/bin/stop"] }
        transcript.step(.command(.stop(grace: .seconds(3))), at: .seconds(1))
        transcript.step(.stopCommandEnded(succeeded: false), at: .seconds(2))
        #expect(
            transcript.lines == [
                "1s order(stop grace=3000) -> stop-command",
                "2s stopCommandEnded(false) -> TERM",
            ]
        )
    }

    @Test func `a deadline during a long stop shortens it`() {
        var transcript = LeashTranscript.running { $0.deadline = .origin + .seconds(12) }
        transcript.step(.command(.stop(grace: .seconds(60))), at: .seconds(1))
        transcript.pass(to: .seconds(12))
        #expect(
            transcript.lines == [
                "1s order(stop grace=60000) -> TERM",
                "12s deadlineReached -> KILL, look",
            ]
        )
    }

    @Test func `a second stop can hasten the first and never delays it`() {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.stop(grace: .seconds(30))), at: .seconds(1))
        transcript.step(.command(.stop(grace: .seconds(60))), at: .seconds(2))
        #expect(transcript.machine.nextDeadline == .origin + .seconds(31))
        transcript.step(.command(.stop(grace: .seconds(5))), at: .seconds(3))
        #expect(transcript.machine.nextDeadline == .origin + .seconds(8))
    }

    @Test func `a group that does not die is killed again, less often, and said to be unkillable`()
    {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.kill), at: .zero)
        transcript.lines = []
        transcript.pass(to: .seconds(5))
        #expect(transcript.lines.count == 50 + 8)
        transcript.step(.groupPopulated(processes: 2), at: .seconds(5))
        transcript.step(.groupPopulated(processes: 2), at: .seconds(6))
        #expect(
            transcript.lines.suffix(2) == [
                "5s groupPopulated(2) -> say[unkillable processes=2]",
                "6s groupPopulated(2) -> KILL, look",
            ]
        )
    }

    @Test func `an empty group is believed only after the program's own end`() {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.kill), at: .seconds(1))
        transcript.step(.groupEmpty, at: .seconds(1))
        #expect(transcript.lines.last == "1s groupEmpty -> nothing")
    }

    @Test func `a program that cannot be started is an end with its reason`() {
        var transcript = LeashTranscript()
        transcript.step(.agentConnected, at: .zero)
        let failure = LeashFailure(stage: "exec", path: "/bin/x", code: 2, reason: "gone")
        transcript.step(.spawnFailed(failure), at: .zero)
        transcript.step(.groupEmpty, at: .zero)
        #expect(
            transcript.lines.last
                == "0ms groupEmpty -> record[empty cause=spawn-failed stage=exec path=/bin/x code=2 "
                + "reason=gone], say[empty cause=spawn-failed stage=exec path=/bin/x code=2 "
                + "reason=gone]"
        )
    }

    @Test func `without any agent nothing is started and the leash leaves`() {
        var transcript = LeashTranscript { $0.onDisconnect = .keep }
        transcript.pass(to: .seconds(10))
        #expect(
            transcript.lines.last
                == "10s deadlineReached -> record[empty cause=never-connected], exit 3"
        )
        #expect(transcript.machine.nextDeadline == nil)
    }

    @Test func `a result that nobody takes is left on disk after a bounded time`() {
        var transcript = LeashTranscript.running {
            $0.onDisconnect = .keep
            $0.lingerTimeMax = .seconds(30)
        }
        transcript.step(.childExited(.exited(status: 0)), at: .seconds(1))
        transcript.step(.groupEmpty, at: .seconds(1))
        transcript.step(.command(.kill), at: .seconds(2))
        transcript.lines = []
        transcript.pass(to: .seconds(31))
        #expect(transcript.lines == ["31s deadlineReached -> exit 3"])
    }

    @Test func `SIGTERM to the leash is an orderly stop`() {
        var transcript = LeashTranscript.running { $0.onDisconnect = .keep }
        transcript.step(.terminated, at: .seconds(1))
        #expect(transcript.lines == ["1s terminated -> TERM"])
        #expect(transcript.machine.nextDeadline == .origin + .seconds(11))
    }

    @Test func `a newer token stands in the state from then on`() {
        var transcript = LeashTranscript.running()
        transcript.step(.command(.authorise(token: "U")), at: .seconds(1))
        transcript.step(.command(.status), at: .seconds(1))
        #expect(
            transcript.lines.last
                == "1s order(status) -> say[state phase=running token=U on-disconnect=kill pid=7]"
        )
    }

    @Test func `what is no order and what comes too early is refused`() {
        var transcript = LeashTranscript.running()
        transcript.step(.malformedLine, at: .seconds(1))
        transcript.step(.command(.acknowledge), at: .seconds(1))
        #expect(
            transcript.lines == [
                "1s malformedLine -> say[refused reason=not%20a%20command]",
                "1s order(acknowledge) -> say[refused reason=there%20is%20no%20result%20yet]",
            ]
        )
    }
}
