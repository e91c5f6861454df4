import Entities
import Foundation
import Values

/// What happens to leads.
public enum LeadEvents {
    public static let created = EventKind<LeadSnapshot, LeadCreated>(
        "lead.created", .leads, zh: "线索进入系统。", en: "A lead came in.")
    public static let updated = EventKind<LeadSnapshot, NoDetails>(
        "lead.updated", .leads, zh: "线索资料被修改。", en: "Fields of a lead were changed.")
    public static let assigned = EventKind<LeadSnapshot, LeadAssigned>(
        "lead.assigned", .leads, zh: "线索被分配给人或团队。", en: "A lead was given to a person or a team.")
    public static let statusChanged = EventKind<LeadSnapshot, LeadStatusChanged>(
        "lead.status-changed", .leads, zh: "线索状态改变。", en: "A lead went to another status.")
    public static let touched = EventKind<LeadSnapshot, LeadTouched>(
        "lead.touched", .leads, zh: "同一线索再次到来。", en: "The same lead came in once more.")
    public static let graded = EventKind<LeadSnapshot, LeadGraded>(
        "lead.graded", .leads, zh: "线索评级改变。", en: "A lead got another grade or other points.")
    public static let activityAdded = EventKind<LeadSnapshot, ActivityAdded>(
        "lead.activity-added", .leads, zh: "线索有了新的跟进。", en: "Something was done with a lead.")
    public static let conversionStarted = EventKind<LeadSnapshot, LeadConversionStarted>(
        "lead.conversion-started", .leads, zh: "线索开始转化。", en: "The conversion of a lead began.")
    public static let converted = EventKind<LeadSnapshot, LeadConverted>(
        "lead.converted", .leads, zh: "线索转化为客户、联系人与商机。",
        en: "A lead became a customer, with contact and opportunity where wanted.")
    public static let conversionFailed = EventKind<LeadSnapshot, LeadConversionFailed>(
        "lead.conversion-failed", .leads, zh: "线索转化失败并退回。", en: "A conversion was refused; the lead is qualified again."
    )
    public static let deleted = EventKind<LeadSnapshot, NoDetails>(
        "lead.deleted", .leads, zh: "线索被删除，可恢复。", en: "A lead was deleted; it can be restored.")
    public static let restored = EventKind<LeadSnapshot, NoDetails>(
        "lead.restored", .leads, zh: "线索被恢复。", en: "A deleted lead was restored.")

    static let all = [
        created.definition, updated.definition, assigned.definition, statusChanged.definition, touched.definition,
        graded.definition, activityAdded.definition, conversionStarted.definition, converted.definition,
        conversionFailed.definition, deleted.definition, restored.definition,
    ]
}
