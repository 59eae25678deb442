//! What runs on a GPU ask of it: dispatches, bytes, memory.

use super::super::build::Random;
use super::super::nets::named;
use super::loaded;

#[test]
fn banks_take_little_more_than_the_most_that_is_alive_together() {
    let random = &mut Random::new();
    for (name, net) in named() {
        let (model, _) = loaded(&net, &net.weights(random), true, None);
        let plan = model.plan(net.input, &[]).expect("a plan");
        let (total, most) = (plan.banks.total(), plan.largest_moment);
        println!("{name}: {total} floats in {} banks, {most} alive", plan.banks.sizes.len());
        // In small networks what fills up blocks counts.
        assert!(total <= most * 5 / 4 + 64 * net.nodes.len() as u64, "{name}: {total} floats for {most}");
    }
}
