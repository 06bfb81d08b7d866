import NIOCore
import NIOEmbedded
import Testing

@testable import Controller

/// Who connects to where the controller is observed, and does not behave.
@Suite struct ObserveLimitTests {
    private func channel() throws -> EmbeddedChannel {
        let limits = ObserveServer.limits
        let channel = EmbeddedChannel(handler: ConsoleDoor(limits, limits.admission))
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
        return channel
    }

    private func pass(_ seconds: Int64, _ channel: EmbeddedChannel) {
        channel.embeddedEventLoop.advanceTime(by: .seconds(seconds))
    }

    @Test func `who says nothing is closed soon`() throws {
        let channel = try channel()
        pass(4, channel)
        #expect(channel.isActive)
        pass(1, channel)
        #expect(!channel.isActive)
    }

    @Test func `who begins a request and does not end it is closed, too`() throws {
        let channel = try channel()
        pass(4, channel)
        try channel.writeInbound("a head, and then a byte of its body")
        for _ in 0..<9 {
            pass(1, channel)
            try channel.writeInbound("x")
        }
        #expect(channel.isActive)
        pass(1, channel)
        #expect(!channel.isActive)
    }

    @Test func `a connection lives as long as it is answered, and bytes do not prolong it`() throws
    {
        let channel = try channel()
        for _ in 0..<5 {
            try channel.writeInbound("a request")
            try channel.writeOutbound("an answer")
            pass(60, channel)
            #expect(channel.isActive)
        }
        for _ in 0..<14 {
            try channel.writeInbound("x")
            pass(1, channel)
        }
        #expect(channel.isActive)
        try channel.writeInbound("x")
        pass(1, channel)
        #expect(!channel.isActive)
    }
}
