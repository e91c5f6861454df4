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
        #expect(machine.request(Request(login: "a", role: nil)) == .lease(2))
        #expect(machine.request(Request(login: "a", role: "z")) == .lease(0))
    }

    @Test func aRoleKeepsToOneOfTheConnectionsThatDoNotKnowIt() {
        var machine = machine(limit: 8, idle: Array(repeating: nil, count: 8))
        let roles = (0..<8 * RecentRoles.limit).map { "t\($0)" }
        func lease(_ role: String) -> Int? {
            guard case .lease(let id) = machine.request(Request(login: "a", role: role)) else { return nil }
            #expect(machine.released(id, login: "a", role: role) == .init())
            return id
        }
        let homes = roles.map { lease($0) }
        // Long forgotten, and back where they were.
        #expect(roles.map { lease($0) } == homes)
        let shares = Dictionary(grouping: homes) { $0 }.mapValues(\.count)
        #expect(shares.count == 8 && shares.values.allSatisfy { (16...96).contains($0) })
        // While its connection is lent a role has a second one.
        #expect(machine.request(Request(login: "a", role: roles[0])) == .lease(homes[0]!))
        let second = lease(roles[0])
        #expect(second != nil && second != homes[0])
    }

    @Test func whoIsKnownToAConnectionGoesFirstForAMoment() {
        let start = ContinuousClock.now
        var machine = machine(limit: 1, idle: ["x"])
        #expect(machine.request(Request(login: "a", role: "x"), now: start) == .lease(0))
        for (waiter, role) in ["y", "x", "y", "x"].enumerated() {
            #expect(
                machine.request(Request(login: "a", role: role), now: start)
                    == .wait(waiter + 2, open: nil, close: nil))
        }
        let soon = start + PoolStateMachine.courtesy / 2
        let late = start + PoolStateMachine.courtesy
        #expect(
            machine.released(0, login: "a", role: "x", now: soon).grants == [.init(waiter: 3, connection: 0)])
        // The first has let others go first for long enough.
        #expect(
            machine.released(0, login: "a", role: "x", now: late).grants == [.init(waiter: 2, connection: 0)])
    }

    @Test func prefersAConnectionThatHasHadTheRole() {
        var machine = machine(limit: 2, idle: ["x", "y"])
        // Each has another role after its own.
        for (id, own) in ["x", "y"].enumerated() {
            #expect(machine.request(Request(login: "a", role: own)) == .lease(id))
            #expect(machine.released(id, login: "a", role: own + "2") == .init())
        }
        #expect(machine.request(Request(login: "a", role: "y")) == .lease(1))
        #expect(machine.request(Request(login: "a", role: "x")) == .lease(0))
    }

    @Test func aConnectionRemembersItsLastRoles() {
        var roles = RecentRoles()
        for number in 0..<RecentRoles.limit { roles.use("\(number)") }
        roles.use("0")
        roles.use("new")
        #expect(roles.contains("0") && roles.contains("new") && !roles.contains("1") && roles.contains("2"))
    }

    @Test func theLastConnectionOfALoginStays() {
        let start = ContinuousClock.now
        var machine = machine(limit: 4, idle: ["x", "y", "z"])
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(4, open: "b", close: nil))
        #expect(machine.opened(9, login: "b", now: start).grants == [.init(waiter: 4, connection: 9)])
        #expect(machine.released(9, login: "b", role: nil, now: start) == .init())
        for (id, role) in ["x", "y", "z"].enumerated() {
            #expect(machine.request(Request(login: "a", role: role), now: start) == .lease(id))
            #expect(machine.released(id, login: "a", role: role, now: start) == .init())
        }
        // That of `b` is the longest unused, but its only one.
        #expect(machine.request(Request(login: "c", role: nil), now: start) == .wait(5, open: "c", close: 0))
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
        #expect(machine.request(Request(login: "c", role: nil)) == .wait(4, open: nil, close: nil))
        #expect(machine.released(1, login: "a", role: "y") == .init(grants: [], close: [1], open: ["c"]))
    }

    @Test func loginsThatHaveAConnectionTakeNoneThatWasUsedJustNow() {
        let start = ContinuousClock.now
        var machine = machine(limit: 3, idle: ["x", "y"])
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(3, open: "b", close: nil))
        #expect(machine.opened(9, login: "b", now: start).grants == [.init(waiter: 3, connection: 9)])
        for (id, role) in ["x", "y"].enumerated() {
            #expect(machine.request(Request(login: "a", role: role), now: start) == .lease(id))
            #expect(machine.released(id, login: "a", role: role, now: start) == .init())
        }
        // `b` waits for its own connection, although those of `a` are idle.
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(4, open: nil, close: nil))
        #expect(machine.released(9, login: "b", role: nil, now: start).grants == [.init(waiter: 4, connection: 9)])
        // One that nobody has wanted for a while goes.
        var later = start + PoolStateMachine.rest
        #expect(machine.request(Request(login: "b", role: nil), now: later) == .wait(5, open: "b", close: 0))
        #expect(machine.opened(10, login: "b", now: later).grants == [.init(waiter: 5, connection: 10)])
        // The other is the last of `a`.
        #expect(machine.request(Request(login: "b", role: nil), now: later) == .wait(6, open: nil, close: nil))
        #expect(machine.released(9, login: "b", role: nil, now: later).grants == [.init(waiter: 6, connection: 9)])
        later = start + PoolStateMachine.restOfLast
        #expect(machine.request(Request(login: "b", role: nil), now: later) == .wait(7, open: "b", close: 1))
    }

    @Test func aLoginGetsASecondConnectionWhereEachHasOne() {
        let start = ContinuousClock.now
        var machine = machine(limit: 2, idle: ["x"])
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(2, open: "b", close: nil))
        #expect(machine.opened(9, login: "b", now: start).grants == [.init(waiter: 2, connection: 9)])
        #expect(machine.request(Request(login: "a", role: "x"), now: start) == .lease(0))
        #expect(machine.released(0, login: "a", role: "x", now: start) == .init())
        let later = start + PoolStateMachine.rest
        #expect(machine.request(Request(login: "b", role: nil), now: later) == .wait(3, open: "b", close: 0))
    }

    @Test func whoHasWaitedLongTakesAnyPlace() {
        let start = ContinuousClock.now
        var machine = machine(limit: 2, idle: ["x"])
        // `b` keeps its connection, as a relay does.
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(2, open: "b", close: nil))
        #expect(machine.opened(9, login: "b", now: start).grants == [.init(waiter: 2, connection: 9)])
        let later = start + PoolStateMachine.rest
        #expect(machine.request(Request(login: "a", role: "x"), now: later) == .lease(0))
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(3, open: nil, close: nil))
        #expect(machine.released(0, login: "a", role: "x", now: later) == .init(close: [0], open: ["b"]))
        #expect(machine.opened(10, login: "b", now: later).grants == [.init(waiter: 3, connection: 10)])
    }

    @Test func whoWaitsWhileNothingHappensIsLookedAtAgain() {
        let start = ContinuousClock.now
        var machine = machine(limit: 2, idle: ["x"])
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(2, open: "b", close: nil))
        #expect(machine.opened(9, login: "b", now: start).grants == [.init(waiter: 2, connection: 9)])
        #expect(machine.request(Request(login: "a", role: "x"), now: start) == .lease(0))
        #expect(machine.released(0, login: "a", role: "x", now: start) == .init())
        #expect(machine.request(Request(login: "b", role: nil), now: start) == .wait(3, open: nil, close: nil))
        #expect(machine.reconsider(now: start) == .init())
        #expect(machine.reconsider(now: start + PoolStateMachine.rest) == .init(close: [0], open: ["b"]))
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

    /// A server that has no connection left harms nobody who can have one that is lent.
    @Test func whoHasOtherConnectionsWaitsForThem() {
        let start = ContinuousClock.now
        var machine = PoolStateMachine(limit: 4, waiterLimit: 8)
        let request = Request(login: "a", role: nil)
        #expect(machine.request(request, now: start) == .wait(1, open: "a", close: nil))
        #expect(machine.opened(7, login: "a", now: start).grants == [.init(waiter: 1, connection: 7)])
        #expect(machine.request(request, now: start) == .wait(2, open: "a", close: nil))
        #expect(machine.openingFailed(login: "a", now: start) == ([], .init()))
        // Not tried again at once, nor for who comes next.
        #expect(machine.request(request, now: start) == .wait(3, open: nil, close: nil))
        #expect(machine.released(7, login: "a", role: nil, now: start).grants == [.init(waiter: 2, connection: 7)])
        #expect(machine.reconsider(now: start + PoolStateMachine.rest).open == ["a"])
        // Its last connection is gone: then there is nothing to wait for.
        #expect(machine.openingFailed(login: "a", now: start) == ([], .init()))
        #expect(machine.releasedClosed(7, login: "a", now: start).open == ["a"])
        #expect(machine.openingFailed(login: "a", now: start).refused == [3])
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

    @Test func theCachePreparesAnewEverMoreSeldom() {
        var cache = StatementCache(limit: 2)
        let renewals = (1...1200).filter { _ in cache.use(StatementCache.Key(role: "r", text: "a")).isNew }.count
        #expect(renewals == 4)
        #expect(cache.takeDiscarded() == ["s1", "s2", "s3"])
        #expect(cache.count == 1)
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
