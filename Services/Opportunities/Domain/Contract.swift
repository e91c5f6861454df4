import Contracts
import Entities
import Foundation
import JSON
import Values

/// A signed contract 合同 of a won opportunity, with its payment plan 回款计划.
struct Contract: Aggregate, ExternallyKnown {
    var id: UUID
    var version: Int64 = 1
    /// `CON-2026-000123`.
    var code = ""
    var number: String?
    var opportunityID: UUID?
    var accountID: UUID?
    var ownerID: UUID?
    var teamID: UUID?
    var businessLineID: UUID?
    var amount = Money.zero(.cny)
    var signedOn: CalendarDate
    var payments: [ContractPayment] = []
    var paid: Money?
    var externalSystem: String?
    var externalID: String?
    var custom = JSONObject()
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?

    static let codePrefix = "CON"

    init(id: UUID, at now: Timestamp) {
        (self.id, createdAt, updatedAt, signedOn) = (id, now, now, now.date(in: .gmt))
    }

    static let catalogue = Entity<Contract>(
        "contract", zh: "合同", en: "Contract", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code", [.readOnly, .unique]),
            Field("number", \.number, .string, zh: "合同号", en: "Number"),
            Field(
                "opportunityId", \.opportunityID, .reference(to: "opportunity"), zh: "商机", en: "Opportunity",
                [.required, .createOnly, .indexed]),
            Field("accountId", \.accountID, .reference(to: "account"), zh: "客户", en: "Account", .readOnly),
            Field("ownerId", \.ownerID, .reference(to: "user"), zh: "负责人", en: "Owner", [.readOnly, .indexed]),
            Field("teamId", \.teamID, .reference(to: "team"), zh: "团队", en: "Team", [.readOnly, .indexed]),
            Field(
                "businessLineId", \.businessLineID, .reference(to: "businessLine"), zh: "业务线", en: "Business line",
                .readOnly),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount", .required),
            Field("signedOn", \.signedOn, .date, zh: "签订日期", en: "Signed on", .required),
            Field(
                "payments", \.payments, .list(.object(ContractPayment.self), max: 120), zh: "回款计划", en: "Payment plan"),
            Field("paid", \.paid, .money, zh: "已回款", en: "Paid", .readOnly, help: "What was paid of the plan."),
            Field("externalSystem", \.externalSystem, .string, zh: "外部系统", en: "External system", .createOnly),
            Field("externalId", \.externalID, .string, zh: "外部编号", en: "External id", [.createOnly, .unique]),
        ])

    /// Refuses a plan that is not one of this contract, and adds up what was paid.
    func checked() throws(Refusal) -> Contract {
        var total = Money.zero(amount.currency)
        var paid = Money.zero(amount.currency)
        for (index, payment) in payments.enumerated() {
            let path = "/payments/\(index)"
            guard let due = payment.amount, let sum = total.adding(due) else {
                throw Refusal(
                    .rule, "currency", at: "\(path)/amount", "Payments are in the contract's currency.",
                    zh: "回款币种须与合同一致。")
            }
            total = sum
            guard (payment.paid == nil) == (payment.paidOn == nil) else {
                throw Refusal(
                    .rule, "required", at: "\(path)/paidOn", "Give paid and paidOn together.", zh: "实回金额与实回日期须同时填写。")
            }
            guard let part = payment.paid else { continue }
            guard let sum = paid.adding(part), part.minorUnits <= due.minorUnits else {
                throw Refusal(
                    .rule, "outOfRange", at: "\(path)/paid", "No more is paid than is due, in the same currency.",
                    zh: "实回金额不能超过应回金额，且币种一致。")
            }
            paid = sum
        }
        guard total.minorUnits <= amount.minorUnits else {
            throw Refusal(
                .rule, "outOfRange", at: "/payments",
                "The payments add up to \(total), more than the contract's \(amount).",
                zh: "回款计划合计 \(total)，超过合同金额 \(amount)。")
        }
        var checked = self
        checked.paid = paid
        return checked
    }
}

extension Opportunity {
    /// Refuses what is not won: it has no contract.
    func checkWon() throws(Refusal) {
        guard status == .won else {
            throw Refusal(
                .state, "opportunityNotWon", at: "/opportunityId", "Win the opportunity first: \(code).",
                zh: "请先将商机 \(code) 标记为赢单。")
        }
    }
}
