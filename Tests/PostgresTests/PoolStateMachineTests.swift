import Testing

@testable import Postgres

@Suite struct PoolStateMachineTests {
    private typealias Request = PoolStateMachine.Request

    /// A machine whose connections of login `a` are idle after leases of the roles given.
    private func machine(limit: Int, waiters: Int = 8, idle roles: [String?]) -> PoolStateMachine {
        var machine = PoolStateMachine(limit: limit, waiterLimit: waiters)
        for id in roles.indices {
            _ = machine.request(Request(login: "a", role: nil))
            _ = machine.opened(id, login: "a")
        }
        for (id, role) in roles.enumerated() { _ = machine.released(id, login: "a", role: role) }
        return machine
    }

    @Test func prefersTheConnectionOfTheSameRole() {
        var machine = machine(limit: 3, idle: ["x", "y", nil])
        #expect(machine.request(Request(login: "a", role: "y")) == .lease(1))
        #expect(machine.request(Request(login: "a", role: "z")) == .lease(2))
        #expect(machine.request(Request(login: "a", role: "z")) == .lease(0))
    }

    @Test func waitersAreServedInOrderAndBounded() {
        var machine = PoolStateMachine(limit: 1, waiterLimit: 2)
        #expect(machine.request(Request(login: "a", role: nil)) == .wait(1, open: "a", close: nil))
        #expect(machine.opened(7, login: "a").grants == [.init(waiter: 1, connection: 7)])
        #expect(machine.request(Request(login: "a", role: nil)) == .wait(2, open: nil, close: nil))
        #expect(machine.request(Request(login: "a", role: nil)) == .wait(3, open: nil, close: nil))
        #expect(machine.request(Request(login: "a", role: nil)) == .refuse)
        #expect(machine.released(7, login: "a", role: nil).grants == [.init(waiter: 2, connection: 7)])
        let wasWaiting = machine.removeWaiter(3)
        #expect(wasWaiting)
        #expect(machine.released(7, login: "a", role: nil) == .init())
        #expect(machine.idleCount == 1)
        #expect(machine.leasedCount == 0)
    }

    @Test func anotherLoginTakesThePlaceOfAnIdleConnection() {
        var machine = machine(limit: 2, idle: ["x", "y"])
        #expect(machine.request(Request(login: "b", role: nil)) == .wait(3, open: "b", close: 0))
        #expect(machine.opened(9, login: "b").grants == [.init(waiter: 3, connection: 9)])
        // Full, and nothing idle of another login: it opens when one is released.
        #expect(machine.request(Request(login: "a", role: "y")) == .lease(1))
        #expect(machine.request(Request(login: "b", role: nil)) == .wait(4, open: nil, close: nil))
        #expect(machine.released(1, login: "a", role: "y") == .init(grants: [], close: [1], open: ["b"]))
    }

    @Test func aLoginThatIsBusyDoesNotStarveAnother() {
        var machine = machine(limit: 1, idle: ["x"])
        #expect(machine.request(Request(login: "a", role: "x")) == .lease(0))
        #expect(machine.request(Request(login: "b", role: nil)) == .wait(2, open: nil, close: nil))
        #expect(machine.request(Request(login: "a", role: "x")) == .wait(3, open: nil, close: nil))
        #expect(machine.released(0, login: "a", role: "x") == .init(grants: [], close: [0], open: ["b"]))
        #expect(machine.opened(1, login: "b").grants == [.init(waiter: 2, connection: 1)])
    }

    @Test func aFailedOpeningRefusesItsWaitersAndOpensForOthers() {
        var machine = PoolStateMachine(limit: 1, waiterLimit: 8)
        #expect(machine.request(Request(login: "a", role: nil)) == .wait(1, open: "a", close: nil))
        #expect(machine.request(Request(login: "b", role: nil)) == .wait(2, open: nil, close: nil))
        let (refused, actions) = machine.openingFailed(login: "a")
        #expect(refused == [1])
        #expect(actions == .init(grants: [], close: [], open: ["b"]))
    }

    @Test func theCacheKeepsTheLastUsed() {
        var cache = StatementCache(limit: 2)
        let keys = ["a", "b", "c"].map { StatementCache.Key(role: "r", text: $0) }
        #expect(cache.use(keys[0]).isNew)
        #expect(cache.use(keys[1]).isNew)
        #expect(!cache.use(keys[0]).isNew)
        #expect(cache.use(keys[2]).isNew)
        #expect(cache.takeDiscarded() == ["s2"])
        #expect(!cache.use(keys[0]).isNew)
        #expect(cache.use(keys[1]).isNew)
        #expect(cache.takeDiscarded() == ["s3"])
        #expect(cache.use(.init(role: "q", text: "a")).isNew)
        #expect(cache.count == 2)
    }

    @Test func scriptsAreCutAtTheirSemicolons() {
        let script = """
            -- a; comment
            select 'x;''y', "a;b"; /* one; /* two; */ */ create function f() as $body$ begin; end; $body$;
            ;select E'\\';', $1; select $$;$$
            """
        #expect(
            SQLScript(script).statements.map(\.text).map { $0.split(separator: "\n").last.map(String.init) ?? "" } == [
                #"select 'x;''y', "a;b""#, "/* one; /* two; */ */ create function f() as $body$ begin; end; $body$",
                #"select E'\';', $1"#, "select $$;$$",
            ])
    }
}
