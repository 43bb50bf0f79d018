import { run } from 'gatewayworker';
import './examples/chat/cluster.ts';

run();
