import Model
import Synchronization
import Testing

@testable import Transport

/// Who gets a place, and who gives way, without a socket.
@Suite struct AdmissionRuleTests {
    private static let start = Instant.origin + .seconds(100)

    private final class Numbers: Sendable {
        private let list = Mutex<[Int]>([])
        var all: [Int] { list.withLock { $0 } }
        func add(_ number: Int) { list.withLock { $0.append(number) } }
    }

    /// Enters connections by number, and knows which were displaced.
    private final class Door {
        let admission: Admission
        let gone = Numbers()
        var displaced: [Int] { gone.all }
        var places: [Int: Admission.Place] = [:]

        init(strangers: Int, perAddress: Int, members: Int = 4, perHolder: Int = .max) {
            admission = Admission(
                strangersMax: strangers,
                strangersPerAddressMax: perAddress,
                membersMax: members,
                membersPerHolderMax: perHolder
            )
        }

        /// - Returns: why it was turned away.
        func enter(_ number: Int, from address: UInt32, after time: Duration = .zero)
            -> CloseReason?
        {
            let entry = admission.enter(.version4(address), at: AdmissionRuleTests.start + time) {
                [gone] _ in gone.add(number)
            }
            switch entry {
            case .admitted(let place):
                places[number] = place
                return nil
            case .refused(let reason): return reason
            }
        }
    }

    @Test
    func `of a full house the oldest of the address with most gives way to one that has fewer`() {
        let door = Door(strangers: 6, perAddress: 4)
        #expect(door.enter(1, from: 1) == nil)
        for number in 2...4 { #expect(door.enter(number, from: 2) == nil) }
        for number in 5...6 { #expect(door.enter(number, from: 3) == nil) }
        #expect(door.enter(7, from: 4) == nil)
        #expect(door.displaced == [2])
        #expect(door.admission.open == (6, 0))
        // The address with most is another one now, and the first comer has kept its place all along.
        #expect(door.enter(8, from: 5) == nil)
        #expect(door.displaced == [2, 3])
        // What was displaced leaves once more when its connection has closed: that changes nothing.
        for number in [2, 3] { door.admission.leave(door.places[number]!) }
        #expect(door.admission.open == (6, 0))
        #expect(!door.admission.becomeMember(door.places[2]!))
        #expect(door.admission.becomeStranger(door.places[3]!) != nil)
    }

    @Test func `where nobody has more than the one that comes a handshake has its time`() {
        let door = Door(strangers: 3, perAddress: 2)
        for number in 1...3 { #expect(door.enter(number, from: UInt32(number)) == nil) }
        #expect(door.enter(4, from: 4, after: .milliseconds(499)) == .tooManyStrangers)
        #expect(door.displaced == [])
        #expect(door.enter(5, from: 4, after: .milliseconds(500)) == nil)
        #expect(door.displaced == [1])
    }

    @Test func `an address that has all of its places waits for itself alone`() {
        let door = Door(strangers: 8, perAddress: 2)
        for number in 1...2 { #expect(door.enter(number, from: 1) == nil) }
        #expect(door.enter(3, from: 2) == nil)
        #expect(door.enter(4, from: 1, after: .milliseconds(499)) == .tooManyOfAddress)
        #expect(door.enter(5, from: 1, after: .milliseconds(500)) == nil)
        #expect(door.displaced == [1])
    }

    @Test func `a stranger keeps the place it has, and handshakes are counted for themselves`() {
        let door = Door(strangers: 2, perAddress: 2)
        for number in 1...2 {
            #expect(door.enter(number, from: 1) == nil)
            #expect(door.admission.becomeStranger(door.places[number]!) == nil)
        }
        #expect(door.enter(3, from: 1) == nil)
        #expect(door.admission.becomeStranger(door.places[3]!) == .tooManyOfAddress)
        #expect(door.enter(4, from: 2) == nil)
        #expect(door.admission.becomeStranger(door.places[4]!) == .tooManyStrangers)
        #expect(door.admission.becomeMember(door.places[4]!))
        #expect(door.admission.open == (3, 1))
        for number in 1...4 { door.admission.leave(door.places[number]!) }
        #expect(door.admission.open == (0, 0))
        for number in 5...6 { #expect(door.enter(number, from: 1) == nil) }
    }

    @Test func `members are few, and few of one holder`() {
        let door = Door(strangers: 8, perAddress: 8, members: 3, perHolder: 2)
        for number in 1...5 { #expect(door.enter(number, from: 1) == nil) }
        func become(_ number: Int, _ holder: String) -> Bool {
            door.admission.becomeMember(door.places[number]!, of: holder)
        }
        #expect(become(1, "vera"))
        #expect(become(2, "vera"))
        #expect(!become(3, "vera"))
        #expect(become(4, "otto"))
        #expect(!become(5, "anna"))
        door.admission.leave(door.places[1]!)
        #expect(become(3, "vera"))
        #expect(door.admission.open == (1, 3))
    }
}
