/** How actors live and talk: the public door for Node. */
export * from "./browser.ts";
export { connectNats, type ConnectNatsOptions } from "./host/connect-nats.ts";
