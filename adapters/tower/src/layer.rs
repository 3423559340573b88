//! The layer: begins an `Exchange` for each request, and leaves it to the response's body.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tallied_http::adapter::{CountedResponseBody, Exchange, Framing};
use tallied_http::{HttpMetrics, RequestHead};
use tower_layer::Layer;
use tower_service::Service;

use crate::declared::{Declared, EndpointError};
use crate::router::{Plain, Router};

/// Feeds [`HttpMetrics`]; see [`Instrument::layer`] and, for axum, `axum_layer`.
///
/// Put it outermost: then it also counts what other layers answer by themselves. No layer outside of it may drop the inner
/// future (as a timeout does), because that looks as if the client had left. Of several layers of the same metrics around a
/// request, the outermost counts it, under the route that the innermost knows; layers of different metrics count it each.
///
/// The response's body is replaced by one that counts, and the request's, unless the layer is axum's, too.
#[derive(Debug)]
pub struct MetricsLayer<R = Plain> {
    metrics: HttpMetrics,
    declared: Declared,
    router: PhantomData<fn() -> R>,
}

impl<R> Clone for MetricsLayer<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for MetricsLayer<R> {}

/// Puts the layer of [`HttpMetrics`] around services.
pub trait Instrument {
    /// A layer for any service of `http::Request`, such as hyper's or tonic's.
    ///
    /// The label `endpoint` is the first [declared endpoint](MetricsLayer::endpoints) that matches the path, or `unmatched`.
    ///
    /// ```
    /// use tallied::Registry;
    /// use tallied_tower::{HttpMetrics, Instrument};
    /// use tower::ServiceBuilder;
    ///
    /// # fn answer() -> impl tower::Service<http::Request<tallied_tower::CountedRequestBody<String>>, Response = http::Response<String>> {
    /// #     tower::service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(String::new())))
    /// # }
    /// let registry = Registry::default();
    /// let metrics = HttpMetrics::register(&registry)?;
    /// let layer = metrics.layer().endpoints(["GET /users/{id}", "POST /users"])?;
    /// let service = ServiceBuilder::new().layer(layer).service(answer());
    /// # fn is_a_service(_: impl tower::Service<http::Request<String>>) {}
    /// # is_a_service(service);
    /// let series = r#"http_requests_total{method="GET",endpoint="/users/{id}",status_code="500"} 0"#;
    /// assert!(registry.text().contains(series));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn layer(&self) -> MetricsLayer;

    /// A layer for axum's routers: the label `endpoint` is the pattern of the route, as its `MatchedPath`. A request that none
    /// takes is under the [declared endpoint](MetricsLayer::endpoints) that matches the path, or `unmatched`.
    ///
    /// Call `Router::layer` with it last, so that it goes around all routes, the fallback, and the layers before. Where
    /// `nest_service` or `fallback_service` leads to another router, that one needs a layer of the same metrics, too, or
    /// declared endpoints: axum tells what it matched only to those inside.
    ///
    /// ```
    /// use axum::Router;
    /// use axum::routing::get;
    /// use tallied::Registry;
    /// use tallied_tower::{HttpMetrics, Instrument, Scrape};
    ///
    /// let registry = Registry::default();
    /// let metrics = HttpMetrics::register(&registry)?;
    /// let app: Router = Router::new()
    ///     .route("/hello/{name}", get(async || "hello"))
    ///     .route("/metrics", get(Scrape::new(registry)))
    ///     .layer(metrics.axum_layer());
    /// # let _ = app;
    /// # Ok::<(), tallied::RegisterError>(())
    /// ```
    #[cfg(feature = "axum")]
    fn axum_layer(&self) -> MetricsLayer<crate::axum::Axum>;
}

impl Instrument for HttpMetrics {
    fn layer(&self) -> MetricsLayer {
        MetricsLayer::installed(*self)
    }

    #[cfg(feature = "axum")]
    fn axum_layer(&self) -> MetricsLayer<crate::axum::Axum> {
        MetricsLayer::installed(*self)
    }
}

impl<R> MetricsLayer<R> {
    fn new(metrics: HttpMetrics) -> Self {
        Self {
            metrics,
            declared: Declared::default(),
            router: PhantomData,
        }
    }

    fn installed(metrics: HttpMetrics) -> Self {
        metrics.installed_without_routes();
        Self::new(metrics)
    }

    /// Declares endpoints: `/users/{id}`, with `{*rest}` for the rest of a path, and perhaps a method before it
    /// (`POST /users`).
    ///
    /// They have their series from now on, at zero for 200 and 500: an error is an increase even if it is the first request,
    /// where `rate()` would not see a new series' first value. They keep their places, whatever clients ask for; all others
    /// share those that are left of [`max_endpoints`](crate::HttpMetricsBuilder::max_endpoints). Without a method, they get the series of
    /// GET. A request whose route no router tells is counted under the declared endpoint that matches its path.
    ///
    /// # Errors
    /// When one is no pattern, or two match the same paths.
    pub fn endpoints<'a>(
        mut self,
        endpoints: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, EndpointError> {
        let routes = self.declared.add(endpoints)?;
        self.metrics.add_routes(&routes);
        Ok(self)
    }
}

impl<S, R> Layer<S> for MetricsLayer<R> {
    type Service = MetricsService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        MetricsService {
            inner,
            layer: *self,
        }
    }
}

/// A service inside of a [`MetricsLayer`].
#[derive(Debug)]
pub struct MetricsService<S, R = Plain> {
    inner: S,
    layer: MetricsLayer<R>,
}

impl<S: Clone, R> Clone for MetricsService<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer,
        }
    }
}

impl<S, R, B, T> Service<Request<B>> for MetricsService<S, R>
where
    R: Router<B>,
    S: Service<Request<R::Body>, Response = Response<T>>,
    B: Body<Data = Bytes>,
    T: Body<Data = Bytes>,
{
    type Response = Response<CountedResponseBody<T>>;
    type Error = S::Error;
    type Future = MetricsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let layer = &self.layer;
        let route = R::route(&request);
        let route = route.or_else(|| layer.declared.find(request.uri().path()));
        let head = RequestHead::of(&request);
        let Some(mut exchange) = Exchange::begin(layer.metrics, head, route, |_| None) else {
            let inner = self.inner.call(request.map(R::uncounted));
            return MetricsFuture {
                inner,
                counting: None,
            };
        };
        let framing = Framing::of(request.version());
        let to_head = request.method() == Method::HEAD;
        exchange.extend(request.extensions_mut());
        let request = request.map(|body| match body.is_end_stream() {
            true => R::uncounted(body),
            false => R::counted(exchange.watch(body)),
        });
        // Some services work where they are called, not where their future is polled.
        let inner = exchange.call(|| self.inner.call(request));
        let counting = Counting {
            exchange,
            framing,
            to_head,
        };
        MetricsFuture {
            inner,
            counting: Some(counting),
        }
    }
}

pin_project! {
    /// The answer of a [`MetricsService`].
    #[derive(Debug)]
    pub struct MetricsFuture<F> {
        #[pin]
        inner: F,
        counting: Option<Counting>,
    }
}

#[derive(Debug)]
struct Counting {
    exchange: Exchange,
    framing: Framing,
    to_head: bool,
}

impl<F, T, E> Future for MetricsFuture<F>
where
    F: Future<Output = Result<Response<T>, E>>,
    T: Body<Data = Bytes>,
{
    type Output = Result<Response<CountedResponseBody<T>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.counting {
            Some(counting) => counting.exchange.poll(|| this.inner.poll(cx)),
            None => this.inner.poll(cx),
        };
        let answered = ready!(polled);
        let counting = this.counting.take();
        Poll::Ready(match (answered, counting) {
            (Ok(response), Some(counting)) => {
                let Counting {
                    exchange,
                    framing,
                    to_head,
                } = counting;
                Ok(exchange.respond(response, framing, to_head))
            }
            (Ok(response), None) => Ok(response.map(CountedResponseBody::uncounted)),
            // The connection ends without an answer.
            (Err(error), Some(counting)) => {
                counting.exchange.fail();
                Err(error)
            }
            (Err(error), None) => Err(error),
        })
    }
}
