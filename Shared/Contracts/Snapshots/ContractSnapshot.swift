import Entities
import Foundation
import JSON
import Values

/// A signed contract with its payment plan, as events carry it.
public struct ContractSnapshot: Snapshot {
    public var id = UUID(high: 0, low: 0)
    public var version: Int64 = 1
    public var code = ""
    public var number: String?
    public var opportunityId: UUID?
    public var accountId: UUID?
    public var ownerId: UUID?
    public var teamId: UUID?
    public var businessLineId: UUID?
    public var amount: Money?
    public var signedOn: CalendarDate?
    public var payments: [ContractPayment] = []
    /// What was paid of the plan.
    public var paid: Money?
    /// The tenant's own fields.
    public var custom = JSONObject()
    public var createdAt = Timestamp(microseconds: 0)
    public var updatedAt = Timestamp(microseconds: 0)
    /// Set while it is deleted.
    public var deletedAt: Timestamp?

    public init() {}

    public static let catalogue = Entity<ContractSnapshot>(
        "contract", zh: "合同", en: "Contract", custom: \.custom,
        headFields + [
            Field("code", \.code, .string(max: 40), zh: "编码", en: "Code"),
            Field("number", \.number, .string, zh: "合同号", en: "Number"),
            Field("opportunityId", \.opportunityId, .reference(to: "opportunity"), zh: "商机", en: "Opportunity"),
            Field("accountId", \.accountId, .reference(to: "account"), zh: "客户", en: "Account"),
            Field("ownerId", \.ownerId, .reference(to: "user"), zh: "负责人", en: "Owner"),
            Field("teamId", \.teamId, .reference(to: "team"), zh: "团队", en: "Team"),
            Field("businessLineId", \.businessLineId, .reference(to: "businessLine"), zh: "业务线", en: "Business line"),
            Field("amount", \.amount, .money, zh: "金额", en: "Amount"),
            Field("signedOn", \.signedOn, .date, zh: "签订日期", en: "Signed on"),
            Field(
                "payments", \.payments, .list(.object(ContractPayment.self), max: 120), zh: "回款计划", en: "Payment plan"),
            Field("paid", \.paid, .money, zh: "已回款", en: "Paid", help: "What was paid of the plan."),
        ])
}

/// One payment of a plan 回款计划, with what the ERP told of its invoice.
public struct ContractPayment: CatalogueRecord {
    public var dueOn: CalendarDate?
    public var amount: Money?
    public var paidOn: CalendarDate?
    public var paid: Money?
    public var invoiceNumber: String?
    public var invoicedOn: CalendarDate?

    public init() {}

    public static let catalogue = Entity<ContractPayment>(
        "contractPayment", zh: "回款", en: "Payment",
        [
            Field("dueOn", \.dueOn, .date, zh: "应回日期", en: "Due on", .required),
            Field("amount", \.amount, .money, zh: "应回金额", en: "Amount", .required),
            Field("paidOn", \.paidOn, .date, zh: "实回日期", en: "Paid on"),
            Field("paid", \.paid, .money, zh: "实回金额", en: "Paid"),
            Field("invoiceNumber", \.invoiceNumber, .string(max: 100), zh: "发票号", en: "Invoice number"),
            Field("invoicedOn", \.invoicedOn, .date, zh: "开票日期", en: "Invoiced on"),
        ])
}
