//! gRPC's own health service, from its client to its server through the proxy.

use crate::common::ports::free_address;
use crate::common::process::Proxy;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

#[test]
fn a_service_is_called_through_the_proxy() {
    let runtime = Runtime::new().unwrap();
    let (reporter, service) = tonic_health::server::health_reporter();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let upstream = format!("h2c://{}", listener.local_addr().unwrap());
    let incoming = TcpIncoming::from(listener);
    runtime.spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    let h2c = free_address();
    let _proxy = Proxy::start(&upstream, &["--h2c-listen", &h2c.to_string()]);
    runtime.block_on(async {
        reporter.set_service_status("shop", ServingStatus::Serving).await;
        let channel = Channel::from_shared(format!("http://{h2c}")).unwrap();
        let mut client = HealthClient::new(channel.connect().await.unwrap());
        let about = |service: &str| HealthCheckRequest { service: service.to_owned() };
        for _ in 0..3 {
            let status = client.check(about("shop")).await.unwrap().into_inner().status();
            assert_eq!(status.as_str_name(), "SERVING");
        }
        // Its status comes in what would be the trailers of an answer with a body.
        let unknown = client.check(about("nothing")).await.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound, "{unknown:?}");
        // A stream that goes on for as long as anything changes.
        let mut changes = client.watch(about("shop")).await.unwrap().into_inner();
        let mut next = async || {
            let status = changes.message().await.unwrap().expect("a status").status();
            status.as_str_name()
        };
        assert_eq!(next().await, "SERVING");
        reporter.set_service_status("shop", ServingStatus::NotServing).await;
        assert_eq!(next().await, "NOT_SERVING");
    });
}
