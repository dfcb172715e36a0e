//! Our code was asked for, and the request was cut off before a byte of the order arrived: the acquirer knows no order.
//!
//! The sale is neither paid nor failed then. It ends by inquiries that find nothing, far enough apart, and never stays
//! in checking, whichever code was wanted.

use shouyin::domain::Channel;
use shouyin::journal::SaleState;
use shouyin::payment::Request;
use shouyin::view::{Intent, Page};
use tempfile::TempDir;

use crate::till::{Plan, losing, prompt_tells, reconcile, runtime, sandbox, start};

#[test]
fn an_order_that_never_arrived_ends_as_not_charged_whichever_code_was_wanted() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let file = dir.path().join("sandbox/terminal.toml");
        let mut plan = Plan::new(&[file], dir.path().join("data"));
        // Nothing is late here: what would arrive later has no time to.
        plan.timing.recheck_ms = 20;
        plan.timing.revoke_idle_ms = 200;
        let orders = |request: &Request| matches!(request, Request::Preorder { .. });
        let mut till = start(plan, losing(orders)).await;
        let wanted = [Channel::Unknown, Channel::Alipay, Channel::UnionPay];
        for (fen, channel) in (1_010..).zip(wanted) {
            till.charge(fen).await;
            let prompt = |page: &Page| matches!(page, Page::Prompt(_));
            till.wait("prompt", prompt).await;
            till.tap(Intent::ShowCode(channel)).await;
            // It ends while the cashier waits, and the customer may pay in another way.
            till.wait("its end", prompt_tells("P23")).await;
            till.tap(Intent::Cancel).await;
            let keypad = |page: &Page| matches!(page, Page::Keypad(_));
            till.wait("keypad", keypad).await;
            let order = &till.journal.recent(1).await.unwrap()[0];
            assert_eq!(
                (order.amount.minor(), order.state),
                (fen, SaleState::Revoked),
                "{channel:?}"
            );
        }
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (0, 3));
        till.stop().await;
    });
}
