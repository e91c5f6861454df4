import Contracts
import Foundation
import JSON
import Testing

@testable import Leads

private typealias Saga = ConversionSaga
private let no = ConversionRefusal(en: "no", zh: "不")

/// What three services would do, as far as the saga can see.
private struct World {
    var saga = Saga(id: UUID(), leadID: UUID(), wantsContact: true, wantsOpportunity: true)
    var refuses: Saga.Step?
    /// The same command is answered the same again.
    var made: [Saga.Step: Saga.Result] = [:]
    var archived: [UUID] = []
    /// Who was told that it is taken back.
    var told: [Saga.Step] = []
    /// The account was there before.
    var accountExists = false
    var touched: Set<Saga.Step> = []

    /// Runs to the end; `crashBefore` forgets the answer of that many actions, as a crash does.
    mutating func run(crashes: Int = 0) -> Saga.Action? {
        var crashes = crashes
        var last: Saga.Action?
        for _ in 0..<50 {
            guard let action = saga.nextAction else { return last }
            let event = perform(action)
            if crashes > 0 {
                crashes -= 1
                saga = Saga.evolve(saga, .delayed)
                continue
            }
            saga = Saga.evolve(saga, event)
            last = action
        }
        return nil
    }

    mutating func step() {
        if let action = saga.nextAction { saga = Saga.evolve(saga, perform(action)) }
    }

    private mutating func perform(_ action: Saga.Action) -> Saga.Event {
        switch action {
        case .perform(let step) where step == refuses: return .refused(step, no)
        case .perform(let step):
            let fresh = Saga.Result(id: UUID(), isMade: !(step == .account && accountExists), version: 1)
            let result = made[step] ?? fresh
            made[step] = result
            return .done(step, result)
        case .undo(let step):
            told.append(step)
            if let result = made[step], result.isMade, !touched.contains(step) { archived.append(result.id) }
            return .undid(step)
        case .finish, .giveUp: return .closed
        }
    }
}

@Suite struct ConversionSagaRulesTests {
    @Test func `three steps, once, with their links`() {
        var world = World()
        let last = world.run()
        let ids = Saga.Step.allCases.compactMap { world.saga.results[$0]?.id }
        #expect(last == .finish(account: ids[0], contact: ids[1], opportunity: ids[2]))
        #expect(world.saga.phase == .completed && world.made.count == 3)
    }

    @Test(arguments: 1...6)
    func `a crash after any action repeats it and makes nothing twice`(crashes: Int) {
        var world = World()
        _ = world.run(crashes: crashes)
        #expect(world.saga.phase == .completed && world.made.count == 3)
        #expect(world.saga.attempts == 0 || crashes > 0)
    }

    @Test(arguments: ConversionSaga.Step.allCases)
    func `a refused step undoes what the saga made, newest first`(step: ConversionSaga.Step) {
        var world = World()
        world.refuses = step
        #expect(world.run() == .giveUp(no))
        let before = Saga.Step.allCases.prefix { $0 != step }.compactMap { world.saga.results[$0]?.id }
        #expect(world.archived == before.reversed())
        #expect(world.saga.phase == .failed && world.saga.nextAction == nil)
    }

    @Test(arguments: ConversionSaga.Step.allCases)
    func `whoever was asked is told, also who refused and who only found something`(step: ConversionSaga.Step) {
        var world = World()
        (world.refuses, world.accountExists) = (step, true)
        #expect(world.run() == .giveUp(no))
        #expect(world.told == (Saga.Step.allCases.prefix { $0 != step } + [step]).reversed())
    }

    /// An older release noted of a refused step nothing.
    @Test func `stored as failed it has failed, whatever was noted of its steps`() {
        let result: JSON = ["id": UUID().uuidString.json, "isMade": false, "version": 1]
        for results: JSON in [[:], ["account": result]] {
            let stored = Saga(
                id: UUID(), leadID: UUID(), wantsContact: true, wantsOpportunity: true, phase: "failed",
                results: results, refusal: no, attempts: 0)
            #expect(stored.phase == .failed && stored.nextAction == nil)
        }
    }

    /// Every state that any order of events leads to, late and repeated ones too.
    @Test func `stored in any state, it goes on where it was`() {
        let made = Saga.Result(id: UUID(), isMade: true, version: 3)
        let events: [Saga.Event] =
            Saga.Step.allCases.flatMap { [.done($0, made), .refused($0, no), .undid($0)] } + [.delayed, .closed]
        var reached: Set = [Saga(id: UUID(), leadID: UUID(), wantsContact: true, wantsOpportunity: true)]
        var newest = reached
        while !newest.isEmpty {
            let next = newest.flatMap { state in events.map { Saga.evolve(state, $0) } }.filter { $0.attempts < 2 }
            newest = Set(next).subtracting(reached)
            reached.formUnion(newest)
        }
        #expect(Set(reached.map(\.phase)) == [.running, .compensating, .completed, .failed])
        for saga in reached {
            let stored = Saga(
                id: saga.id, leadID: saga.leadID, wantsContact: true, wantsOpportunity: true,
                phase: saga.phase.rawValue, results: saga.storedResults, refusal: saga.refusal,
                attempts: saga.attempts)
            #expect(stored == saga)
        }
    }

    @Test func `what was there before, or was touched since, stays`() {
        var world = World()
        (world.refuses, world.accountExists, world.touched) = (.opportunity, true, [.contact])
        #expect(world.run() == .giveUp(no))
        #expect(world.archived.isEmpty && world.saga.phase == .failed)
    }

    @Test func `late answers change nothing, or are undone`() throws {
        var saga = Saga(id: UUID(), leadID: UUID(), wantsContact: false, wantsOpportunity: true)
        let result = Saga.Result(id: UUID(), isMade: true, version: 1)
        saga = Saga.evolve(saga, .done(.account, result))
        #expect(Saga.evolve(saga, .done(.account, Saga.Result(id: UUID(), isMade: true, version: 1))) == saga)
        #expect(Saga.evolve(saga, .closed) == saga, "not finished yet")
        saga = Saga.evolve(saga, .refused(.opportunity, no))
        saga = Saga.evolve(saga, .done(.opportunity, result))
        #expect(saga.results[.opportunity] == result)
        #expect(saga.nextAction == .undo(.opportunity))
    }

    @Test func `pauses grow and end at a minute`() {
        var saga = Saga(id: UUID(), leadID: UUID(), wantsContact: false, wantsOpportunity: false)
        #expect(saga.steps == [.account] && saga.pause == .zero)
        var pauses: [Duration] = []
        for _ in 0..<20 {
            saga = Saga.evolve(saga, .delayed)
            pauses.append(saga.pause)
        }
        #expect(pauses.first == .milliseconds(200) && pauses.last == .seconds(60) && pauses == pauses.sorted())
    }
}
