use super::*;

#[test]
fn reads_the_receipt_of_appendix_b() {
    let text = "id:0123456789 sub:002 dlvrd:001 submit date:1005232039 \
                done date:1005242339 stat:DELIVRD err:012 text:This is a sample mes";
    let (kind, receipt) = classify(4, text, &ReceiptTlvs::default(), false);
    assert_eq!(kind, Kind::Receipt);
    let expected = Receipt {
        id: Some("0123456789".into()),
        stat: Some("DELIVRD".into()),
        state: Some(MessageState::Delivered),
        err: Some("012".into()),
        submit_date: Some("2010-05-23T20:39:00".into()),
        done_date: Some("2010-05-24T23:39:00".into()),
        sub: Some(2),
        dlvrd: Some(1),
        text: Some("This is a sample mes".into()),
        ..Receipt::default()
    };
    assert_eq!(receipt, Some(expected));
}
