//! Temporary.
use crate::*;
use std::pin::Pin;
use std::task::*;
/// x
#[derive(Debug)]
pub struct Gather<F: Future>(
    Option<Vec<F>>,
    Vec<Result<JoinHandle<F::Output>, F::Output>>,
);
impl<F: Future> Unpin for Gather<F> {}
/// x
pub fn gather<I: IntoIterator>(i: I) -> Gather<<I::Item as IntoFuture>::IntoFuture>
where
    I::Item: IntoFuture,
{
    Gather(
        Some(i.into_iter().map(|f| f.into_future()).collect()),
        vec![],
    )
}
impl<F: Future + Send + 'static> Future for Gather<F>
where
    F::Output: Send + 'static,
{
    type Output = Vec<F::Output>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(v) = self.0.take() {
            self.1 = v.into_iter().map(|f| Ok(spawn(f))).collect();
        }
        let mut pending = false;
        for h in &mut self.1 {
            if let Ok(j) = h {
                match Pin::new(j).poll(cx) {
                    Poll::Pending => pending = true,
                    Poll::Ready(Ok(v)) => *h = Err(v),
                    Poll::Ready(Err(e)) => std::panic::resume_unwind(e.into_panic()),
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        Poll::Ready(
            std::mem::take(&mut self.1)
                .into_iter()
                .map(|h| match h {
                    Err(v) => v,
                    Ok(_) => unreachable!(),
                })
                .collect(),
        )
    }
}
impl<F: Future> Drop for Gather<F> {
    fn drop(&mut self) {
        for h in &self.1 {
            if let Ok(h) = h {
                h.abort()
            }
        }
    }
}
