import Testing

@testable import Kafka

/// What a consumer holds ahead of its owner, decided without I/O.
@Suite struct ConsumerStateTests {
    private let partition = KafkaPartition("topic", 0)

    private func state(_ count: Int, of bytes: Int) -> ConsumerState {
        var state = ConsumerState()
        _ = state.assign([partition])
        _ = try? state.take(1)
        for offset in 0..<count {
            state.append(
                ConsumedMessage(
                    source: partition, offset: Int64(offset), timestamp: 0,
                    message: KafkaMessage(key: nil, value: [UInt8](repeating: 0, count: bytes))))
        }
        return state
    }

    private func take(_ state: inout ConsumerState, _ limit: Int) throws -> (Int, ConsumerState.Action?) {
        let (happening, action) = try state.take(limit)
        guard case .messages(let messages) = happening else { return (0, action) }
        return (messages.count, action)
    }

    @Test func smallMessagesAreCounted() throws {
        var state = state(ConsumerState.high, of: 10)
        #expect(state.maySwallow(tick: false).0 == false)
        #expect(try take(&state, 500) == (500, nil))
        #expect(try take(&state, ConsumerState.high) == (ConsumerState.high - 500, .look))
        #expect(state.maySwallow(tick: false).0)
    }

    @Test func largeMessagesAreWeighed() throws {
        var state = state(20, of: 900_000)
        #expect(state.maySwallow(tick: false).0 == false)
        // Four million bytes at once, until few are left.
        for left in [16, 12, 8, 4] {
            let (count, action) = try take(&state, 500)
            #expect(count == 4)
            #expect(action == (left * 900_000 <= ConsumerState.lowBytes ? .look : nil))
        }
        #expect(state.maySwallow(tick: false).0)
        var huge = self.state(2, of: ConsumerState.mostBytes + 1)
        #expect(try take(&huge, 500).0 == 1)
    }
}
