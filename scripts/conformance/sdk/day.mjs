// Both SDKs' day at the sandbox.
import { day as alipay } from './alipay.mjs';
import { say } from './story.mjs';
import { day as wechat } from './wechat.mjs';
import { day as wechatv3 } from './wechatv3.mjs';

for (const told of await Promise.all([wechat(), alipay()])) say(told);
say(await wechatv3()); // after them: the customers' codes live a minute
