import Runtime

/// What a consumer has fetched and been told, without I/O.
struct ConsumerState: Sendable {
    /// What the client is to be told.
    enum Action: Sendable, Equatable {
        case pause(Set<KafkaPartition>)
        case resume(Set<KafkaPartition>)
        /// Look at the queue again: it was left alone while the buffer was full.
        case look
    }

    /// Messages held ahead of the owner before the queue is left alone, and how few are left when it goes on.
    static let high = 4_000
    static let low = 1_000
    /// The same in bytes of their bodies.
    static let highBytes = 16 << 20
    static let lowBytes = 4 << 20
    /// Of the messages that the owner is given at once; one that is larger comes alone.
    static let mostBytes = 4 << 20

    var isClosed = false
    var fatal: KafkaError?
    var waiter: CheckedContinuation<Void, Never>?
    private(set) var assigned: Set<KafkaPartition> = []
    private(set) var isPaused = false
    private var changes: [KafkaConsumer.Happening] = []
    private var buffer = FIFO<ConsumedMessage>()
    private var bytes = 0
    private var generation = 0
    private var isFull = false

    var hasWork: Bool { isClosed || fatal != nil || !changes.isEmpty || !buffer.isEmpty }

    /// The next happening for the owner.
    mutating func take(_ limit: Int) throws -> (KafkaConsumer.Happening?, Action?) {
        if isClosed { throw KafkaError.closed }
        if let fatal { throw fatal }
        if !changes.isEmpty { return (changes.removeFirst(), nil) }
        guard !buffer.isEmpty else { return (nil, nil) }
        return (.messages(pop(limit)), refill())
    }

    private mutating func pop(_ limit: Int) -> [ConsumedMessage] {
        var size = 0
        let taken = buffer.popFirst(limit) { message in
            size += message.size
            return size <= Self.mostBytes
        }
        bytes -= taken.reduce(0) { $0 + $1.size }
        return taken
    }

    private mutating func refill() -> Action? {
        guard isFull, buffer.count <= Self.low, bytes <= Self.lowBytes else { return nil }
        isFull = false
        guard isPaused else { return .look }
        isPaused = false
        return .resume(assigned)
    }

    /// Whether one more event may be taken from the queue.
    mutating func maySwallow(tick: Bool) -> (Bool, Action?) {
        guard buffer.count >= Self.high || bytes >= Self.highBytes, !isClosed, !isPaused else { return (true, nil) }
        guard isFull, tick else {
            isFull = true
            return (false, nil)
        }
        // The owner is slow: serve rebalances all the same, but let no more messages come.
        isPaused = true
        return (true, .pause(assigned))
    }

    mutating func append(_ message: ConsumedMessage) {
        guard !isClosed, assigned.contains(message.source) else { return }
        buffer.append(message)
        bytes += message.size
    }

    /// Partitions were given. False when the client is closing and must give them back.
    mutating func assign(_ partitions: Set<KafkaPartition>) -> Bool {
        guard !isClosed else { return false }
        clear()
        assigned = partitions
        changes.append(.assigned(KafkaConsumer.Assignment(partitions: partitions, generation: generation)))
        return true
    }

    mutating func revoke() {
        let lost = assigned
        clear()
        if !lost.isEmpty { changes.append(.revoked(lost)) }
    }

    func isCurrent(_ assignment: KafkaConsumer.Assignment) -> Bool {
        assignment.generation == generation && !isClosed
    }

    /// Forgets what was fetched. False when the assignment is not the current one.
    mutating func restart(_ assignment: KafkaConsumer.Assignment) -> Bool {
        guard isCurrent(assignment) else { return false }
        buffer.removeAll()
        bytes = 0
        isFull = false
        isPaused = false
        return true
    }

    private mutating func clear() {
        generation += 1
        assigned = []
        buffer.removeAll()
        bytes = 0
        isFull = false
        isPaused = false
    }
}

extension ConsumedMessage {
    fileprivate var size: Int { message.value?.count ?? 0 }
}
