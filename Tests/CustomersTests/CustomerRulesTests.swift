import Contracts
import Entities
import Foundation
import Testing
import Values

@testable import Customers

private let today = CalendarDate(year: 1998, month: 6, day: 30)!

/// A customer kept as the service keeps it: after each order or day the change is decided once.
private struct Customer {
    let id = UUID()
    var thresholds = LifecycleThresholds(stableFromOrder: 9, atRiskAfterDays: 90, lostAfterDays: 180)
    var state = LifecycleState.potential
    var orders: [String: Order] = [:]
    var changes: [LifecycleChange] = []

    mutating func tell(_ number: String, _ day: Int, status: Order.Status = .placed) throws {
        let time = Timestamp(milliseconds: 0)
        let told = Order(
            id: UUID(), accountID: id, externalSystem: "erp", externalID: number, orderedOn: today.adding(days: day),
            amount: Money(minorUnits: 0, currency: .usd), status: status, createdAt: time, updatedAt: time)
        switch try OrderDecision.decide(existing: orders[number], told: told, today: today.adding(days: 1000)) {
        case .place(let order), .correct(let order): orders[number] = order
        case .repeated: break
        }
        look(day)
    }

    mutating func look(_ day: Int) {
        let asOf = today.adding(days: day)
        let summary = OrderSummary(dates: orders.values.filter(\.isValid).map(\.orderedOn), asOf: asOf)
        let change = LifecycleChange.decide(
            accountID: id, current: state, orders: summary, thresholds: thresholds, asOf: asOf)
        guard let change else { return }
        state = change.to
        changes.append(change)
    }
}

@Suite struct AccountOrdersTests {
    /// Summed up or each by itself: what is said of the account is the same.
    @Test func figuresDoNotDependOnWhatIsSummedUp() {
        let days = [-400, -30, -30, -2, 0, 1]
        let all = days.map { CountedOrder(date: today.adding(days: $0), minorUnits: Int64(1000 + $0)) }
        for choice in 0..<(1 << all.count) {
            let (apart, summed) = (
                all.indices.filter { choice & 1 << $0 != 0 }.map { all[$0] },
                all.indices.filter { choice & 1 << $0 == 0 }.map { all[$0] }
            )
            let dates = summed.map(\.date).sorted()
            var orders = AccountOrders(
                others: .init(
                    count: summed.count, countToday: dates.count { $0 <= today }, value: summed.sum(\.minorUnits),
                    first: dates.first, last: dates.last, latest: dates.filter { $0 <= today }.suffix(2).reversed(),
                    next: dates.first { $0 > today }))
            for order in apart { orders[UUID()] = order }
            #expect(orders.count == 6 && orders.value == all.sum(\.minorUnits))
            #expect(orders.first == all.first?.date && orders.last == all.last?.date)
            #expect(orders.next(after: today) == today.adding(days: 1))
            let expected = OrderSummary(dates: all.map(\.date), value: orders.value, asOf: today)
            #expect(orders.summary(asOf: today) == expected)
        }
    }

    @Test func valueStopsAtTheLargestAmount() {
        var orders = AccountOrders(others: .init(count: 1, countToday: 1, value: Money.bound))
        orders[UUID()] = CountedOrder(date: today, minorUnits: .max)
        #expect(orders.value == Money.bound)
    }
}

@Suite struct LifecycleRulesTests {
    @Test func `the ninth order makes stable once, its return reverts, a duplicate does nothing`() throws {
        var customer = Customer()
        for number in 1...8 { try customer.tell("\(number)", number) }
        #expect(customer.state == .developing)
        #expect(customer.changes.map(\.to) == [.signed, .developing])
        try customer.tell("9", 9)
        #expect(customer.state == .stable && customer.changes.last?.reason == .orders(9))
        try customer.tell("9", 9)
        try customer.tell("10", 9)
        try customer.tell("10", 9, status: .cancelled)
        #expect(customer.changes.count == 3)
        try customer.tell("9", 9, status: .returned)
        #expect(customer.state == .developing && customer.changes.count == 4)
    }

    @Test func `time passing alone puts at risk, loses, and an order wins back`() throws {
        var customer = Customer()
        try customer.tell("1", 0)
        #expect(customer.changes.last?.nextCheck == today.adding(days: 90))
        customer.look(89)
        #expect(customer.state == .signed)
        customer.look(90)
        #expect(customer.state == .atRisk && customer.changes.last?.reason == .silence(days: 90))
        customer.look(179)
        #expect(customer.changes.last?.nextCheck == today.adding(days: 180))
        customer.look(180)
        customer.look(181)
        #expect(customer.state == .lost)
        try customer.tell("2", 200)
        #expect(customer.state == .wonBack && customer.changes.last?.reason == .returnedAfter(days: 200))
        try customer.tell("3", 201)
        #expect(customer.state == .developing)
        #expect(customer.changes.map(\.to) == [.signed, .atRisk, .lost, .wonBack, .developing])
    }

    @Test func `an order at risk counts as usual again`() throws {
        var customer = Customer()
        try customer.tell("1", 0)
        customer.look(100)
        try customer.tell("2", 101)
        #expect(customer.state == .developing)
    }

    @Test func `orders after the day do not count, and none is potential`() {
        let thresholds = LifecycleThresholds()
        let later = OrderSummary(dates: [today.adding(days: 1)], asOf: today)
        #expect(LifecycleStanding(later, thresholds, asOf: today).state == .potential)
        #expect(LifecycleStanding(OrderSummary(), thresholds, asOf: today).reason == .noOrder)
    }

    @Test func `high value is stable and worth enough`() {
        let thresholds = LifecycleThresholds(stableFromOrder: 2, highValueFrom: 1000)
        let orders = OrderSummary(count: 2, last: today, previous: today, value: 1000)
        #expect(LifecycleStanding(orders, thresholds, asOf: today).state == .highValue)
        let first = OrderSummary(count: 1, last: today, value: 5000)
        #expect(LifecycleStanding(first, thresholds, asOf: today).state == .signed)
    }

    @Test func `thresholds that contradict one another are refused`() throws {
        try LifecycleThresholds().validate()
        for broken in [
            LifecycleThresholds(stableFromOrder: 1), LifecycleThresholds(atRiskAfterDays: 180),
            LifecycleThresholds(atRiskAfterDays: 0), LifecycleThresholds(highValueFrom: 0),
        ] {
            #expect(throws: Refusal.self) { try broken.validate() }
        }
    }
}

@Suite struct OrderRulesTests {
    private func order(_ minorUnits: Int64 = 100, _ currency: Currency = .usd, on day: CalendarDate = today) -> Order {
        let time = Timestamp(milliseconds: 1)
        return Order(
            id: UUID(), accountID: UUID(), externalSystem: "erp", externalID: "1", orderedOn: day,
            amount: Money(minorUnits: minorUnits, currency: currency), createdAt: time, updatedAt: time)
    }

    @Test func `a correction keeps identity and links`() throws {
        var existing = order()
        existing.opportunityID = UUID()
        var told = order(250)
        told.updatedAt = Timestamp(milliseconds: 9)
        guard case .correct(let corrected) = try OrderDecision.decide(existing: existing, told: told, today: today)
        else { return #expect(Bool(false)) }
        #expect(corrected.id == existing.id && corrected.version == 2)
        #expect(corrected.opportunityID == existing.opportunityID && corrected.amount.minorUnits == 250)
        #expect(OrderDecision.touchedAccounts(before: existing, after: corrected).count == 2)
    }

    @Test func `what an order cannot be`() throws {
        #expect(throws: Refusal.self) { try OrderDecision.decide(existing: nil, told: order(-1), today: today) }
        #expect(throws: Refusal.self) {
            try OrderDecision.decide(existing: nil, told: order(on: today.adding(days: 2)), today: today)
        }
        #expect(throws: Refusal.self) {
            try OrderDecision.decide(existing: order(), told: order(1, .cny), today: today)
        }
        let free = order(0)
        #expect(try OrderDecision.decide(existing: nil, told: free, today: today) == .place(free))
    }
}

@Suite struct AccountRulesTests {
    @Test func `aliases and former names match like the name`() {
        let time = Timestamp(milliseconds: 0)
        let account = Account(
            id: UUID(), code: "ACC-2026-000001", name: "华为技术有限公司", aliases: ["華為技術", "Huawei Technologies Co., Ltd."],
            createdAt: time, updatedAt: time)
        #expect(account.matchKeys.map(\.text) == ["name:华为技术", "name:huawei technologies"])
    }

    @Test func `people are not one because they share a name`() {
        var person = Account(id: UUID(), at: Timestamp(milliseconds: 0))
        (person.kind, person.name, person.phone, person.email) = (.person, "王伟", "138 0013 8000", "Wei@Example.com")
        #expect(person.matchKeys.map(\.text) == ["phone:+8613800138000", "email:wei@example.com"])
    }

    @Test func `a credit code with a wrong check digit is refused`() throws {
        var account = Account(id: UUID(), at: Timestamp(milliseconds: 0))
        account.creditCode = "91110000802100433B"
        try account.validateCreditCode()
        #expect(account.matchKeys.map(\.text) == ["creditCode:91110000802100433B"])
        account.creditCode = "91110000802100433C"
        #expect(throws: Refusal.self) { try account.validateCreditCode() }
    }

    @Test func `duplicates are flagged, linked or blocked, the best match first`() throws {
        let (weak, strong) = (UUIDv7.make(), UUIDv7.make())
        let name = try #require(AccountMatchKey(.name, "北京移动有限公司"))
        let code = try #require(AccountMatchKey(.creditCode, "91110000802100433B"))
        let candidates = [(weak, [name]), (strong, [name, code])].map { id, keys in
            MatchCandidate(Account(id: id, at: Timestamp.now()), keys: keys)
        }
        func decide(_ action: DuplicateAction, _ kinds: Set<AccountMatchKind> = AccountMatchKind.standardKinds)
            -> DuplicateDecision<AccountMatchKind>
        {
            AccountDuplicatePolicy(action: action, keys: kinds).decide([name, code], among: candidates)
        }
        let best = Duplicate(id: strong, why: [AccountMatchKind.name, .creditCode])
        #expect(decide(.createAndFlag) == .create(flagging: [best, Duplicate(id: weak, why: [.name])]))
        #expect(decide(.link) == .link(best) && decide(.block) == .block(best))
        #expect(decide(.block, [.creditCode]) == .block(Duplicate(id: strong, why: [.creditCode])))
        #expect(decide(.block, [.phone]) == .create(flagging: []))
    }

    @Test func `a hierarchy has no circles and an end`() throws {
        let (a, b, c) = (UUID(), UUID(), UUID())
        try Hierarchy.checkParent(of: a, ancestors: [b, c])
        #expect(throws: Refusal.self) { try Hierarchy.checkParent(of: a, ancestors: [a]) }
        #expect(throws: Refusal.self) { try Hierarchy.checkParent(of: a, ancestors: [b, c, a]) }
        #expect(throws: Refusal.self) {
            try Hierarchy.checkParent(of: a, ancestors: (0..<Hierarchy.maximumDepth).map { _ in UUID() })
        }
    }
}
